// What a person sees of shards that did not go straight: checked again, taken over, disagreed on, in doubt, given by the word of
// one that was lost. Real networks come to it by chance, so the job is told by a stand-in behind a real node's API.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import type { NodeEvent } from '../../node-core/protocol/index.ts';
import { requires } from '../capabilities.ts';
import { openInterface } from './browser.ts';
import { connectBrowser, connectNodes } from './shared.ts';
import { serveTold, type ToldJob, type ToldNode } from './told-node.ts';
import { violations } from './violations.ts';

const testInBrowser = requires('chromium');
const jobId = 'a'.repeat(32);
const counts = [10, 10, 10, 10, 10, 10];
const hash = 'b'.repeat(64);

describe('a job that did not go straight', () => {
  let folder: string | undefined;
  let node: ToldNode | undefined;
  afterAll(async () => {
    await node?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  testInBrowser('shows what befell each shard, in signs, words and results', async () => {
    const { client, providers } = await connectNodes();
    const [first = '', second = ''] = providers.map(({ peerId }) => peerId);
    const of = (shard: number, attempt: number, provider: string) => ({
      jobId,
      shardId: `${jobId}.${shard}`,
      replicaId: `${jobId}.${shard}.${attempt}.${provider.slice(-8)}`,
      provider,
    });
    const assigned = (shard: number, attempt: number, provider: string, more = {}): NodeEvent => ({
      type: 'replica.assigned',
      ...of(shard, attempt, provider),
      attempt,
      role: 'copy',
      priceMicro: '2000',
      deadlineAt: Date.now() + 600_000,
      terms: { speed: 900 },
      ...more,
    });
    const judged = (shard: number, attempt: number, provider: string): NodeEvent => ({
      type: 'replica.judged',
      ...of(shard, attempt, provider),
      verdict: 'accepted',
      itemsWrong: 0,
      reason: '',
      evidence: null,
    });
    const accepted = (shard: number, how: 'checked' | 'unchecked-by-policy'): NodeEvent => ({
      type: 'shard.accepted',
      jobId,
      shardId: `${jobId}.${shard}`,
      how,
      outputsHash: hash,
    });
    const audited = (shard: number): NodeEvent => ({
      type: 'shard.audited',
      jobId,
      shardId: `${jobId}.${shard}`,
      why: 'adaptive',
      chancePpm: 1_000_000,
      by: 'run',
    });
    const { templates } = await client.api.call('jobs.templates', {});
    const template = templates.find(({ name }) => name === 'text-classification')?.id ?? '';
    const summary: ToldJob['summary'] = {
      jobId,
      label: 'not straight',
      state: 'running',
      template,
      templateName: 'text-classification',
      items: 60,
      shardsTotal: counts.length,
      shardsAccepted: 4,
      budgetMicro: '1000000',
      spentMicro: '8000',
      createdAt: Date.now() - 60_000,
      endedAt: null,
      code: null,
      reason: '',
      deadlineAt: Date.now() + 600_000,
      shards: [],
    };
    const job: ToldJob = {
      summary,
      results: () => ({
        jobId,
        state: 'running',
        outputs: Array.from({ length: 60 }, (_, index) => ({
          index,
          output: index < 50 ? { label: 'positive' } : null,
          how: index < 10 ? ('checked' as const) : index < 50 ? ('unchecked-by-policy' as const) : ('missing' as const),
          ...(index === 0 && { given: 12 }),
          ...(index === 1 && { mark: 'replaced' as const }),
          ...(index === 2 && { mark: 'doubted' as const }),
        })),
      }),
      events: [
        { type: 'job.planned', jobId, counts },
        // Checked by another computer, and agreed.
        assigned(0, 1, first),
        audited(0),
        assigned(0, 2, second, { role: 'validator' }),
        judged(0, 1, first),
        accepted(0, 'checked'),
        // Lost on the way, and gone on with by another one.
        assigned(1, 1, first),
        { type: 'replica.lost', ...of(1, 1, first), reason: 'it fell silent', committed: false, holdUntil: 1 },
        assigned(1, 2, second, { prefixesHash: hash }),
        judged(1, 2, second),
        accepted(1, 'unchecked-by-policy'),
        // Nobody was there to check it.
        assigned(2, 1, first),
        audited(2),
        { type: 'shard.unaudited', jobId, shardId: `${jobId}.2`, reason: 'nobody else fits' },
        accepted(2, 'unchecked-by-policy'),
        // Stood unchecked, for now.
        assigned(3, 1, first),
        accepted(3, 'unchecked-by-policy'),
        assigned(4, 1, first),
        assigned(4, 2, second),
        { type: 'shard.disagreed', jobId, shardId: `${jobId}.4` },
        assigned(5, 1, first),
      ],
    };
    folder = await mkdtemp(join(tmpdir(), 'infernet-told-'));
    node = await serveTold(client.api, job, folder);
    const { page, context, errors } = await openInterface(await connectBrowser(), node);
    await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
    await page.goto(`${page.url().split('#')[0]}#/jobs/${jobId}`);
    const square = (name: string | RegExp) => page.getByRole('button', { name });
    const detail = page.locator('.detail');
    for (const [name, text] of [
      ['Shard 1, accepted, checked by another computer', 'another computer does the same work'],
      ['Shard 2, accepted, taken over by another computer', 'goes on from what was there'],
      ['Shard 3, accepted, nobody could check it', 'its answer stands, unchecked'],
      ['Shard 5, open, copies differed', 'one more computer decides'],
    ] as const) {
      await square(name).click();
      await detail.getByText(text).waitFor();
    }
    // While one looks: work of the first computer turns out bad.
    await square('Shard 4, accepted').click();
    node.tell({ type: 'shard.reopened', jobId, shardId: `${jobId}.3`, why: 're-audit', by: 'run' });
    await square('Shard 4, open, checked after all').waitFor();
    await detail.getByText('is checked after all').waitFor();
    node.tell({ type: 'job.doubted', jobId, provider: first, items: [{ start: 20, count: 10 }] });
    await square('Shard 3, accepted, nobody could check it, in doubt').click();
    await detail.getByText('could not be checked any more').waitFor();
    node.tell({
      type: 'shard.restarted',
      jobId,
      shardId: `${jobId}.5`,
      accused: of(5, 1, first).replicaId,
      reason: 'its words were not those of the model',
    });
    await square('Shard 6, open, begun anew').waitFor();
    // The answers say it as well.
    const results = page.getByRole('list', { name: 'Results' });
    await results.getByText('compared and agreed, the first 12 tokens not checked').waitFor();
    await results.getByText('replaced').waitFor();
    await results.getByText('in doubt').waitFor();
    const legend = await page.getByLabel('Legend').textContent();
    expect(legend).toContain('checked again');
    expect(legend).toContain('made good by others');
    expect(await violations(page, 'a job that did not go straight')).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });
});
