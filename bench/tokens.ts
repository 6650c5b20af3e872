/**
 * How well claimed tokens tell the two demonstration models apart, and what a check costs: a thousand answers of each, at three
 * temperatures. Runs for minutes; token-divergence.process.test.ts is the short version.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchReport, figure, machine, versions } from './lib/report.ts';
import { type CheckedAnswer, judgeInOrder, promptsFrom, TokenTrial } from './lib/token-trial.ts';

const temperatures = [0, 0.7, 1];
const falseAlarmPpm = 100;
const tokensBar = 300;
/** Every provider answers other prompts: the thousand, begun at each of so many places. */
const beginnings = 200;
const creatures = ['fox', 'owl', 'bear', 'cat', 'dog', 'bird', 'mouse', 'frog'];

export async function tokens(): Promise<BenchReport> {
  const on = machine();
  const folder = await mkdtemp(join(tmpdir(), 'infernet-bench-tokens-'));
  const trial = await TokenTrial.start(folder);
  const figures: BenchReport['figures'][number][] = [];
  const sets = {
    'mixed-1000': await promptsFrom('mixed-1000.jsonl'),
    'questions-40': await promptsFrom('questions-40.jsonl'),
    stories: creatures.flatMap((who) => [
      `Tell a short story about a ${who}.`,
      `Tell a short story about a brave ${who}.`,
    ]),
  };
  try {
    // Both runners and their caches are warm after this.
    await trial.check('infernet-micro', sets.stories, 0);
    for (const temperature of temperatures) {
      for (const [name, prompts] of Object.entries(sets)) {
        const honest = await trial.check('infernet-tiny', prompts, temperature);
        const other = await trial.check('infernet-micro', prompts, temperature);
        const { tokens: until, notFound } = untilFound(other.answers, trial);
        const label = `${name}, temperature ${temperature}`;
        const { verdicts } = judgeInOrder(honest.answers, trial.expected, falseAlarmPpm);
        const sound = verdicts.filter((verdict) => verdict === 'agrees').length;
        figures.push(
          figure(`honest answers judged sound, ${label}`, 'answers', [sound], 'all of them', [verdicts.length]),
          figure(`tokens that agree, smaller model, ${label}`, 'per mille', [agreeing(other.answers)], 'honest', [
            agreeing(honest.answers),
          ]),
          figure(`tokens until the smaller model is found, ${label}`, 'tokens', until, 'the bar', [tokensBar]),
          figure(`beginnings at which it is not found, ${label}`, 'beginnings', [notFound], 'of', [until.length]),
          figure(`check, ${label}`, 'tokens/s', [speed(honest.answers, honest.checkMs)], 'generating', [
            speed(honest.answers, honest.generateMs),
          ]),
        );
      }
    }
  } finally {
    await trial.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return { name: 'tokens', machine: on, versions: versions(), figures };
}

/** @returns tokens until it is found, for each beginning; all that were gathered, where it is not, and how often that was so. */
function untilFound(answers: readonly CheckedAnswer[], trial: TokenTrial): { tokens: number[]; notFound: number } {
  const step = Math.max(1, Math.floor(answers.length / beginnings));
  const found: number[] = [];
  let notFound = 0;
  for (let from = 0; from < answers.length; from += step) {
    const rotated = [...answers.slice(from), ...answers.slice(0, from)];
    const { tokensUntilBad } = judgeInOrder(rotated, trial.expected, falseAlarmPpm);
    if (tokensUntilBad === null) notFound += 1;
    found.push(tokensUntilBad ?? total(answers));
  }
  return { tokens: found, notFound };
}

const total = (answers: readonly CheckedAnswer[]) => answers.reduce((sum, { check }) => sum + check.tokens, 0);
const agreeing = (answers: readonly CheckedAnswer[]) =>
  Math.round((10_000 * answers.reduce((sum, { check }) => sum + check.agreed, 0)) / total(answers)) / 10;
const speed = (answers: readonly CheckedAnswer[], ms: number) => Math.round((total(answers) * 1000) / ms);
