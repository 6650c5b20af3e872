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

/** Domains of signatures: what is signed, and by whom. A signature of one domain never verifies in another. */
export const signatureDomains = {
  'node-record': 'NodeRecord, by its node',
  leave: 'Leave, by the node that leaves',
  presence: 'Presence, by its node',
  quote: 'Quote, by the provider',
  commitment: 'Commitment, by the provider',
  reveal: 'Reveal, by the provider',
  stream: 'StreamHead, by the provider',
  receipt: 'ReceiptBody, by the client, and by the provider too if it is good',
  voucher: 'Voucher, by the payer',
  'voucher-ack': 'VoucherAck, by the payee',
  release: 'Release, by the provider',
  snapshot: 'hash and place of a snapshot of the own log, by the node itself; it never leaves the computer',
} as const;
export type SignatureDomain = keyof typeof signatureDomains;

export interface Signed<Body> {
  body: Body;
  by: PeerId;
  signature: string;
}

/**
 * Checks a value by `schema`, but keeps it as it came. What is signed must not be touched: parsing drops the fields that a
 * later version adds, at any depth, and the signature would no longer verify here.
 */
export function asSent<T>(schema: z.ZodType<T>): z.ZodType<T> {
  return z.custom<T>().check(({ value, issues }) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return;
    for (const { message, path } of parsed.error.issues) {
      issues.push({ code: 'custom', message, path, input: value, continue: true });
    }
  });
}

/** Schema of a signed body. It checks the shape; {@link isSigned} checks the signature. */
export function signedSchema<Shape extends z.ZodRawShape>(body: z.ZodObject<Shape>) {
  return z.object({
    body: asSent(body),
    by: PeerId.describe('who signed'),
    signature: Base64Url.describe('Ed25519 over `infernet/<type>/1\\n` and the canonical body'),
  });
}

/** @param type domain of the signature. */
export function signBody<Body>(signer: SignsBytes, type: SignatureDomain, body: Body): Signed<Body> {
  return { body, by: signer.peerId, signature: toBase64Url(signer.sign(signingBytes(type, body))) };
}

export function isSigned(verifier: VerifiesBytes, type: SignatureDomain, signed: Signed<unknown>): boolean {
  return signaturesOf(verifier, type, signed.body)(signed.by, signed.signature);
}

/** For a body that several have signed: its bytes are made once. */
export function signaturesOf(
  verifier: VerifiesBytes,
  type: SignatureDomain,
  body: unknown,
): (by: PeerId, signature: string) => boolean {
  let bytes: Uint8Array | null = null;
  return (by, signature) => {
    try {
      bytes ??= signingBytes(type, body);
      return verifier.verify(by, bytes, fromBase64Url(signature));
    } catch {
      return false;
    }
  };
}
