import { describe, expect, it } from 'vitest';
import type { RunOutcome } from '../ports/index.ts';
import { Chance } from './chance.ts';
import { NodeClock, VirtualTime } from './clock.ts';
import { honest, type Manner, rightLabel, SimulatedExecutor, simulatedTemplate, truth } from './executor.ts';

/** Runs of `items` items each, one after the other. @returns what came of them, and the virtual time that each took. */
async function runs(manner: Partial<Manner>, count: number, items = 10, timeoutMs = 60_000) {
  const time = new VirtualTime();
  const own = { ...honest, ...manner };
  const executor = new SimulatedExecutor(new NodeClock(time), new Chance(7), own);
  const outcomes: RunOutcome[] = [];
  const tookMs: number[] = [];
  const inputs = Array.from({ length: items }, (_, n) => ({ n }));
  for (let i = 0; i < count; i++) {
    const startedMs = time.elapsed;
    const done = executor.run(
      { runId: `${i}`, template: simulatedTemplate.id, model: null, params: {}, inputs, timeoutMs, onProgress() {} },
      { cancelled: false, onCancel() {} },
    );
    time.step(Number.POSITIVE_INFINITY);
    outcomes.push(await done);
    tookMs.push(time.elapsed - startedMs);
  }
  const answers = outcomes.flatMap((outcome) => (outcome.ok ? outcome.outputs : []));
  const wrong = answers.filter((output, i) => truth(inputs[i % items], output) !== null).length;
  return { outcomes, answers, wrong, tookMs, manner: own };
}

describe('the simulated executor', () => {
  it('gives each number its colour, at its speed', async () => {
    const { answers, wrong, tookMs, manner } = await runs({ itemMs: 20 }, 50);
    expect([answers.length, wrong, manner.itemsRun]).toEqual([500, 0, 500]);
    expect(answers[3]).toEqual({ label: rightLabel(3) });
    for (const ms of tookMs) {
      expect(ms).toBeGreaterThanOrEqual(160);
      expect(ms).toBeLessThanOrEqual(240);
    }
  });

  it('differs honestly at the stated rate', async () => {
    const { answers, wrong } = await runs({ disagreement: 0.01 }, 1_000);
    expect(answers).toHaveLength(10_000);
    // 100 expected; three standard deviations are 30.
    expect(wrong).toBeGreaterThan(70);
    expect(wrong).toBeLessThan(130);
  });

  it('fails at the stated rate', async () => {
    const { outcomes } = await runs({ failure: 0.2 }, 1_000);
    const failed = outcomes.filter(({ ok }) => !ok);
    expect(failed.length).toBeGreaterThan(160);
    expect(failed.length).toBeLessThan(240);
    expect(failed[0]).toMatchObject({ code: 'container' });
  });

  it('lies on purpose, from when on it is told', async () => {
    const { answers, wrong } = await runs({ cheat: { share: 1, label: 'mauve', afterItems: 100 } }, 20);
    expect(answers.slice(0, 100).every((answer) => JSON.stringify(answer) !== '{"label":"mauve"}')).toBe(true);
    expect(wrong).toBe(100);
  });

  it('is silent until the time of a run is up', async () => {
    const { outcomes, tookMs } = await runs({ silent: true }, 1, 10, 5_000);
    expect(outcomes).toEqual([expect.objectContaining({ ok: false, code: 'timeout' })]);
    expect(tookMs).toEqual([5_000]);
  });
});
