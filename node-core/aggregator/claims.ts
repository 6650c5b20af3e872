/** Answers by tokens, as they are sent to a checker, and what a checker says of them: parsed here, once. Pure. */
import type { TokenCheck } from '../ports/index.ts';
import { type Json, type TokenClaim, z } from '../protocol/index.ts';
import { type ClaimedAnswer, tokenCheckFault } from '../verification/index.ts';

const Answer = z.object({
  text: z.string(),
  tokenIds: z.array(z.int().min(0)).max(65_536),
  finish: z.enum(['stop', 'length', 'stopped']),
});

const Check: z.ZodType<TokenCheck> = z.strictObject({
  tokens: z.int().min(0),
  agreed: z.int().min(0),
  firstDisagreement: z.int().min(0).nullable(),
  text: z.string(),
  finish: z.enum(['stop', 'length', 'open']),
});

/**
 * @param prefixes tokens that were forced, per item.
 * @param stopped items that their client ended.
 * @returns null when the outputs are no tokens.
 */
export function claimedAnswers(
  outputs: readonly Json[],
  prefixes: readonly (readonly number[])[] | undefined,
  stopped: readonly number[],
): ClaimedAnswer[] | null {
  const answers: ClaimedAnswer[] = [];
  for (const [item, output] of outputs.entries()) {
    const { data } = Answer.safeParse(output);
    if (data === undefined) return null;
    const given = Math.min(prefixes?.[item]?.length ?? 0, data.tokenIds.length);
    answers.push({ ...data, given, wasStopped: stopped.includes(item) });
  }
  return answers;
}

export function tokenClaims(answers: readonly ClaimedAnswer[]): TokenClaim[] {
  return answers.map(({ tokenIds, given }) => ({ tokenIds: [...tokenIds], given }));
}

/** @throws RangeError for what is no answer to these claims. */
export function tokenChecks(answers: readonly ClaimedAnswer[], outputs: readonly Json[]): TokenCheck[] {
  const checks = outputs.map((output, item) => {
    const { data } = Check.safeParse(output);
    if (data === undefined) throw new RangeError(`check ${item} is none`);
    return data;
  });
  const fault = tokenCheckFault(answers, checks);
  if (fault !== null) throw new RangeError(fault);
  return checks;
}
