/** Why a peer declines or fails work, and why a call on the control API fails. One list each, for all. */
import { z } from './zod.ts';

/** What each code of the job protocol means; `docs/protocol.md` prints this table. */
export const failureCodes = {
  'no-capacity': 'the queue is full or the provider is draining; try another or later',
  'template-missing': 'the provider does not serve this template',
  'model-missing': 'the provider does not have this model',
  price: 'the price offered is below the provider’s own',
  'credit-limit': 'unpaid work would exceed the credit limit that the provider grants this client',
  reputation: 'the provider does not serve this client because of its history',
  requirements: 'the provider’s hardware does not meet the requirements',
  policy: 'the provider’s owner does not allow this',
  expired: 'the deadline, the quote or the lease has passed',
  'bad-input': 'the input or the message breaks its schema or a limit',
  'out-of-memory': 'the run needed more memory than it was given',
  timeout: 'the run took longer than it was given',
  container: 'the execution environment failed',
  internal: 'the node failed or restarted while it worked',
} as const;

export const FailureCode = z.enum(
  Object.keys(failureCodes) as [keyof typeof failureCodes, ...(keyof typeof failureCodes)[]],
);
export type FailureCode = z.infer<typeof FailureCode>;

/** Why a provider did not get a shard that another got. */
export const whyNotCodes = {
  'dear-newcomer': 'it has too few good checks, and costs more than half of the others',
  'lower-score': 'its score was lower',
  lot: 'another one was drawn by lot: who checks is not chosen by score',
  excluded: 'its results were wrong too often: this node pays it for nothing more',
  tried: 'it has tried this shard already, or holds another copy of it',
  refused: 'it does not take this job; or its quote was not about it',
  paused: 'it had declined, failed or not answered a moment before, and was left alone for a while',
  'no-quote': 'it had not said its price yet',
  blocked: 'the owner blocked it: nothing is given to it',
  'not-wanted': 'the job was not to go to it',
  silent: 'it had fallen silent, and may be dead',
  price: 'what is left of the budget does not cover it',
  cap: 'a cap of the owner on what is spent stands against it',
  'credit-limit': 'it grants less credit than the shard costs',
  full: 'it had as many shards of this job as it may have at once',
  'no-room': 'it had no room left: for this client, by its credit limit, or beside this node’s other jobs',
} as const;

export const WhyNot = z.enum(Object.keys(whyNotCodes) as [keyof typeof whyNotCodes, ...(keyof typeof whyNotCodes)[]]);
export type WhyNot = z.infer<typeof WhyNot>;

/** Codes of the `error` message, for what is wrong with a message as such. */
export const wireErrorCodes = {
  unsupported: 'unknown message type, or a feature of a later version',
  'bad-message': 'the message does not match its schema',
  'bad-signature': 'a signature does not verify, or is by another key than the sender’s',
  'unknown-replica': 'this node knows no such replica for this peer',
  'commitment-mismatch': 'the revealed outputs and salt do not hash to the commitment',
  'too-large': 'a frame, a message or a payload is over its limit',
  version: 'another major version of the protocol',
  'rate-limit': 'too many messages in a short time',
  internal: 'the node failed while it handled the message',
} as const;

export const WireErrorCode = z.enum(
  Object.keys(wireErrorCodes) as [keyof typeof wireErrorCodes, ...(keyof typeof wireErrorCodes)[]],
);
export type WireErrorCode = z.infer<typeof WireErrorCode>;

/** A fault with a code from {@link failureCodes}: what declines and failures are made of. */
export class InfernetError extends Error {
  readonly code: FailureCode;
  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'InfernetError';
    this.code = code;
  }
}
