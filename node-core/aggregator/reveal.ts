/** The door for results: does a reveal open its commitment, and is it what the template promises? Pure. */
import {
  canonicalJson,
  commitmentDigest,
  isSigned,
  itemHashesOf,
  type Json,
  type MessageBody,
  normaliseOutput,
  type Opening,
  opens,
  outputsHashOf,
  type SignedCommitment,
  type VerifiesBytes,
} from '../protocol/index.ts';
import type { ClaimedAnswer } from '../verification/index.ts';
import { tokenChecks } from './claims.ts';
import type { KnownTemplate } from './context.ts';
import type { Replica } from './state.ts';

export type RevealCheck =
  | { readonly kind: 'good'; readonly outputs: Json[]; readonly opening: Opening }
  /** The provider signed a reveal that does not open what it had committed to: evidence against it. */
  | { readonly kind: 'mismatch'; readonly opening: Opening }
  /** Not a proof of anything, but no result either. */
  | { readonly kind: 'bad'; readonly reason: string };

export interface RevealContext {
  readonly verifier: VerifiesBytes;
  readonly template: KnownTemplate;
  readonly itemSalt: string;
  readonly items: number;
  /** Of a check: the answers that it is about; null where they were lost. */
  readonly claims?: readonly ClaimedAnswer[] | null | undefined;
}

export function checkReveal(
  replica: Replica,
  commitment: SignedCommitment,
  result: MessageBody<'shard.reveal'>,
  context: RevealContext,
): RevealCheck {
  const { reveal, outputs } = result;
  const { template } = context.template;
  if (result.replicaId !== replica.replicaId || reveal.body.replicaId !== replica.replicaId) {
    return { kind: 'bad', reason: 'the reveal is of another replica' };
  }
  if (reveal.by !== replica.provider || !isSigned(context.verifier, 'reveal', reveal)) {
    return { kind: 'bad', reason: 'the reveal is not signed by its provider' };
  }
  const itemHashes = itemHashesOf(context.itemSalt, outputs);
  const opening: Opening = { reveal, itemHashes };
  if (!opens(commitment.body, reveal.body)) {
    const sameDigest = reveal.body.digest === commitment.body.digest;
    const differs =
      commitmentDigest(commitment.body, reveal.body.outputsHash, reveal.body.salt) !== commitment.body.digest;
    if (sameDigest && differs) return { kind: 'mismatch', opening };
    return { kind: 'bad', reason: 'the reveal names another commitment' };
  }
  if (outputsHashOf(itemHashes) !== reveal.body.outputsHash)
    return { kind: 'bad', reason: 'the outputs do not hash to what was revealed' };
  if (outputs.length !== context.items)
    return { kind: 'bad', reason: `${outputs.length} outputs for ${context.items} inputs` };
  if (context.claims !== undefined) return checkOfClaims(outputs, opening, context.claims);
  for (const [index, output] of outputs.entries()) {
    const fault = context.template.checkOutput(output);
    if (fault !== null) return { kind: 'bad', reason: `output ${index}: ${fault}` };
    if (canonicalJson(normaliseOutput(template.verifier, output)) !== canonicalJson(output)) {
      return {
        kind: 'bad',
        reason: `output ${index} is not normalised as verifier class ${template.verifier} wants it`,
      };
    }
  }
  return { kind: 'good', outputs, opening };
}

function checkOfClaims(outputs: Json[], opening: Opening, claims: readonly ClaimedAnswer[] | null): RevealCheck {
  if (claims === null) return { kind: 'bad', reason: 'what it was to check was lost on the client’s disk' };
  try {
    tokenChecks(claims, outputs);
    return { kind: 'good', outputs, opening };
  } catch (error) {
    return { kind: 'bad', reason: error instanceof Error ? error.message : String(error) };
  }
}
