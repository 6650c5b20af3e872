import { describe, expect, it } from 'vitest';
import type { Json } from '../protocol/index.ts';
import { nothingGathered } from '../verification/index.ts';
import { claimedAnswers, tokenChecks } from './claims.ts';
import type { AggregatorContext } from './context.ts';
import type { RevealedCopy } from './judge.ts';
import { judgeChecks } from './judge-tokens.ts';
import type { Job } from './state.ts';

const expected = { honestDisagreementPpm: 1_000, thresholdPpm: 980_000 };
const context = {
  checks: { gathered: () => nothingGathered },
  verification: { falseAlarmPpm: 10 },
} as unknown as AggregatorContext;
const job = { job: { template: 't', model: null } } as unknown as Job;
const tokenIds = Array.from({ length: 100 }, (_, i) => i);
const answer = { text: 'so', tokenIds, tokens: 100, finish: 'stop' };

const copy = (provider: string, outputs: Json[]) =>
  ({ replica: { provider, replicaId: provider }, revealed: { outputs } }) as unknown as RevealedCopy;
const checker = (provider: string, agreed: number, text = 'so') =>
  copy(provider, [{ tokens: 100, agreed, firstDisagreement: agreed === 100 ? null : 3, text, finish: 'stop' }]);

function judged(...checkers: RevealedCopy[]) {
  const claims = claimedAnswers([answer], undefined, []);
  if (claims === null) throw new Error('no claims');
  const { kind, verdicts, compared, differed } = judgeChecks(
    context,
    job,
    expected,
    copy('accused', [answer]),
    claims,
    checkers,
  );
  return {
    kind,
    paid: verdicts.filter(({ verdict }) => verdict === 'accepted').map(({ replica }) => replica.provider),
    compared,
    differed,
  };
}

describe('claimed tokens', () => {
  it('are believed when one checker agrees: both are paid', () => {
    expect(judged(checker('a', 100))).toEqual({ kind: 'believed', paid: ['accused', 'a'], compared: 100, differed: 0 });
    // Fewer than the template asks for may be chance.
    expect(judged(checker('a', 97))).toMatchObject({ kind: 'believed', differed: 3 });
  });

  it('are not believed when two say that they are another model’s, and nobody when one does', () => {
    expect(judged(checker('a', 60))).toMatchObject({ kind: 'split', paid: [] });
    expect(judged(checker('a', 60), checker('b', 50))).toEqual({
      kind: 'not-believed',
      paid: ['a', 'b'],
      compared: 100,
      differed: 40,
    });
  });

  it('are believed against one who is outvoted, and unpaid', () => {
    expect(judged(checker('a', 0), checker('b', 100))).toMatchObject({ kind: 'split', paid: [] });
    expect(judged(checker('a', 0), checker('b', 100), checker('c', 100))).toMatchObject({
      kind: 'believed',
      paid: ['accused', 'b', 'c'],
    });
  });

  it('that say another text are all wrong', () => {
    const lies = judged(checker('a', 100, 'no'), checker('b', 100, 'no'));
    expect(lies).toMatchObject({ kind: 'not-believed', compared: 100, differed: 100 });
  });

  it('that were given are not claimed, and a check of something else is none', () => {
    expect(claimedAnswers([answer], [[0, 1]], [0])).toEqual([
      { text: 'so', tokenIds, finish: 'stop', given: 2, wasStopped: true },
    ]);
    expect(claimedAnswers([{ label: 'x' }], undefined, [])).toBeNull();
    const claims = claimedAnswers([answer], undefined, []) ?? [];
    expect(() => tokenChecks(claims, [{ label: 'x' }])).toThrow(RangeError);
    expect(() => tokenChecks(claims, [])).toThrow(RangeError);
  });

  describe('show of their checkers', () => {
    const two = claimedAnswers([answer, answer], undefined, []) ?? [];
    const trap = { item: 1, at: 50, fromItem: 0, fromAt: 3 };
    const said = (agreed: number) => ({
      tokens: 100,
      agreed,
      firstDisagreement: agreed === 100 ? null : 7,
      text: 'so',
      finish: 'stop',
    });
    const asked = (provider: string, first: number, second: number, isTrapped = true) => {
      const { replica, revealed } = copy(provider, [said(first), said(second)]);
      return { replica: isTrapped ? { ...replica, trap } : replica, revealed };
    };
    const ofCheckers = (...checkers: RevealedCopy[]) => {
      const { kind, ofCheckers } = judgeChecks(
        context,
        job,
        expected,
        copy('accused', [answer, answer]),
        two,
        checkers,
      );
      return { kind, found: ofCheckers.map(({ provider, ok }) => `${provider} ${ok}`) };
    };

    it('nothing where one agrees, and nothing was planted', () => {
      expect(ofCheckers(asked('a', 100, 100, false))).toEqual({ kind: 'believed', found: [] });
    });

    it('who saw the trap, whose item has no say in the verdict', () => {
      expect(ofCheckers(asked('a', 100, 60))).toEqual({ kind: 'believed', found: ['a true'] });
    });

    it('who did not see it, and is not heard', () => {
      expect(ofCheckers(asked('a', 100, 100))).toEqual({ kind: 'split', found: ['a false'] });
      expect(ofCheckers(asked('a', 100, 100), asked('b', 100, 90))).toEqual({
        kind: 'believed',
        found: ['a false', 'b true'],
      });
    });

    it('who was outvoted, and by whom; and not who calls all wrong while nobody has said otherwise', () => {
      const slander = asked('a', 0, 0);
      expect(ofCheckers(slander)).toEqual({ kind: 'split', found: [] });
      expect(ofCheckers(slander, asked('b', 100, 100, false), asked('c', 100, 100, false))).toEqual({
        kind: 'believed',
        found: ['a false', 'b true', 'c true'],
      });
    });
  });
});
