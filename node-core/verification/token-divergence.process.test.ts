/** Claimed tokens of the two shipped models, checked by the larger one. The long version: `npm run bench -- tokens`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { judgeInOrder, promptsFrom, TokenTrial } from '../../bench/lib/token-trial.ts';

let folder: string;
let trial: TokenTrial;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'infernet-tokens-'));
  trial = await TokenTrial.start(folder);
});
afterAll(async () => {
  await trial.stop();
  await rm(folder, { recursive: true, force: true });
});

it.each([0, 1])(
  'tells the smaller model within 300 tokens, and accuses nobody else, at temperature %s',
  async (temperature) => {
    const prompts = (await promptsFrom('mixed-1000.jsonl')).slice(0, 150);
    const honest = await trial.check('infernet-tiny', prompts, temperature);
    const { verdicts } = judgeInOrder(honest.answers, trial.expected, 100);
    expect(verdicts.filter((verdict) => verdict !== 'agrees')).toEqual([]);

    const other = await trial.check('infernet-micro', prompts, temperature);
    // Whichever of the prompts comes first.
    for (let from = 0; from < prompts.length; from += 10) {
      const rotated = [...other.answers.slice(from), ...other.answers.slice(0, from)];
      expect(judgeInOrder(rotated, trial.expected, 100).tokensUntilBad).toBeLessThanOrEqual(300);
    }
  },
);
