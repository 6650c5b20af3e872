/** The owner's caps, with whole nodes: a job waits or ends, says which cap it is, and nothing goes over it. */
import { describe, expect, it } from 'vitest';
import { beginning } from '../simulation/clock.ts';
import { Market } from '../simulation/market.ts';

/** 40 items in 4 shards of 2000 micro-credits, each twice: 16000. */
const wholeMicro = 16_000;

const dayMs = 24 * 3_600_000;
/** All clocks say that it is two minutes to midnight. */
const lateMs = dayMs - (beginning % dayMs) - 120_000;

function market(spending: { dayMicroMax?: string; peerDayMicroMax?: string }, skewMs = 0): Promise<Market> {
  return Market.open([{ skewMs }, { skewMs }, { skewMs }], { config: { spending }, skewMs });
}

function paid(m: Market): number {
  return m.providers.reduce((sum, { peerId }) => sum + m.paidTo(peerId), 0);
}

describe('the spending caps', () => {
  it('end a job that cannot be paid before its deadline, with what it has, and name the cap', async () => {
    const m = await market({ dayMicroMax: '9000' });
    const plan = await m.call('jobs.plan', {
      template: 'colours',
      inputs: Array.from({ length: 40 }, (_, n) => ({ n })),
      budgetMicro: '1000000',
    });
    expect(plan.missing).toEqual([
      expect.stringMatching(
        /cap for a day leaves 9000 .* 16000 are expected: it would end unfinished; raise spending.dayMicroMax/,
      ),
    ]);
    const { ended } = await m.run({ deadlineMs: 120_000 });
    expect(ended).toMatchObject({ state: 'failed', code: 'price', itemsAccepted: 20 });
    expect(ended?.reason).toMatch(/spending\.dayMicroMax\) of 9000 micro-credits leaves 1000 until midnight UTC/);
    expect(paid(m)).toBe(8000);
    expect(await m.wallet()).toMatchObject({
      caps: { dayMicroMax: '9000', spentTodayMicro: '8000', leftTodayMicro: '1000' },
    });
  });

  it('let a job wait for the next day, and pay then', async () => {
    const m = await market({ dayMicroMax: '9000' }, lateMs);
    const jobId = await m.submit({ deadlineMs: dayMs });
    await m.until('job.waiting', ({ code, reason }) => code === 'price' && reason.includes('spending.dayMicroMax'));
    await m.pass(1_000);
    expect(paid(m)).toBe(8000);
    const ended = await m.end(jobId, 180_000);
    expect(ended).toMatchObject({ state: 'done' });
    expect(paid(m)).toBe(wholeMicro);
  });

  it('spread a job over more providers when one may have no more', async () => {
    const m = await market({ peerDayMicroMax: '6000' });
    const { ended } = await m.run();
    expect(ended).toMatchObject({ state: 'done' });
    expect(paid(m)).toBe(wholeMicro);
    for (const { peerId } of m.providers) expect(m.paidTo(peerId)).toBeLessThanOrEqual(6000);
  });

  it('are changed while the node runs', async () => {
    const m = await market({ dayMicroMax: '9000' });
    const jobId = await m.submit({ deadlineMs: dayMs });
    await m.until('job.waiting', ({ code }) => code === 'price');
    m.client.config.spending.dayMicroMax = null;
    expect(await m.end(jobId, 60_000)).toMatchObject({ state: 'done' });
  });
});
