/** Signed bodies: a body, who signed it, and an Ed25519 signature over its canonical bytes. */

import { fromBase64Url, toBase64Url } from './codec/base64url.ts';
import { signingBytes } from './codec/canonical.ts';
import { Base64Url, PeerId } from './primitives.ts';
import { z } from './zod.ts';

/** Signs with the node's own key; the adapter is in `identity/`. */
export interface SignsBytes {
  readonly peerId: PeerId;
  /** Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

export interface VerifiesBytes {
  /** Never throws: a malformed peer id or signature is just not valid. */
  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

export interface Signed<Body> {
  body: Body;
  by: PeerId;
  signature: string;
}

/**
 * Schema of a signed body. It checks the shape; {@link isSigned} checks the signature. Fields that a later version adds
 * to the body are kept, or its signature would no longer verify here.
 */
export function signedSchema<Shape extends z.ZodRawShape>(body: z.ZodObject<Shape>) {
  const keepsUnknownFields: z.ZodType<z.infer<z.ZodObject<Shape>>> = body.loose();
  return z.object({
    body: keepsUnknownFields,
    by: PeerId.describe('who signed'),
    signature: Base64Url.describe('Ed25519 over `infernet/<type>/1\\n` and the canonical body'),
  });
}

/** @param type domain of the signature, as `node-record` or `voucher`. */
export function signBody<Body>(signer: SignsBytes, type: string, body: Body): Signed<Body> {
  return { body, by: signer.peerId, signature: toBase64Url(signer.sign(signingBytes(type, body))) };
}

export function isSigned(verifier: VerifiesBytes, type: string, signed: Signed<unknown>): boolean {
  try {
    return verifier.verify(signed.by, signingBytes(type, signed.body), fromBase64Url(signed.signature));
  } catch {
    return false;
  }
}
