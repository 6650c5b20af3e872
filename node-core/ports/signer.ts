import type { SignsBytes, VerifiesBytes } from '../protocol/index.ts';

/** The node's own key. */
export type Signer = SignsBytes;
/** Checks signatures of any peer. */
export type Verifier = VerifiesBytes;
