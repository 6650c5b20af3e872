/** Questions as streamed prompts: one job each, several at a time, tokens shown as they come. */
import type { JobSpecInput, NodeEvent, StreamItem } from '../../node-core/protocol/index.ts';
import type { Network } from './network.ts';
import type { Screen } from './screen.ts';
import { within } from './within.ts';

const promptMsMax = 60_000;
const atOnce = 4;

export interface PromptsResult {
  readonly streams: number;
  /** Of each stream: from submitting to the first token that was shown. */
  readonly firstTokenMs: number;
  /** Median over the streams, from the first token to the last. */
  readonly tokensPerSecond: number;
  /** Final texts, in the order of the prompts; null where there is none. */
  readonly outputs: readonly unknown[];
  readonly jobIds: readonly string[];
}

interface Stream {
  readonly submittedAt: number;
  firstAt: number;
  lastAt: number;
  /** With and after the first piece. */
  tokens: number;
  tokensFirst: number;
  ended(): void;
}

/** @throws Error when one of them does not end in time. */
export async function runPrompts(
  { client }: Network,
  screen: Screen,
  prompts: readonly string[],
  spec: Omit<JobSpecInput, 'inputs' | 'budgetMicro' | 'deadlineMs' | 'ownNode' | 'stream' | 'label'>,
): Promise<PromptsResult> {
  /** By the label of its job, then by the job's id. */
  const begun = new Map<string, Stream>();
  const streams = new Map<string, Stream>();
  const finished: Stream[] = [];
  const jobIds: string[] = [];
  const outputs: unknown[] = [];
  const tell = (now: number) => screen.count('prompts', finished.length, prompts.length, now);

  const happened = (event: NodeEvent): void => {
    // Known by its label: events and tokens may come before the answer to the submission.
    if (event.type === 'job.created') {
      const stream = begun.get(event.job.label);
      if (stream !== undefined) streams.set(event.jobId, stream);
    }
    if (event.type === 'job.ended') streams.get(event.jobId)?.ended();
  };
  const unsubscribe = client.api.subscribe(0, (item: StreamItem) => {
    if (item.kind === 'event') return happened(item.event);
    if (item.kind !== 'token') return;
    const stream = streams.get(item.jobId);
    if (stream === undefined) return;
    const now = performance.now();
    if (stream.tokens === 0) {
      stream.firstAt = now;
      stream.tokensFirst = item.tokens;
    }
    stream.tokens += item.tokens;
    stream.lastAt = now;
  });

  const runOne = async (index: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const label = `demo: question ${index + 1}`;
    const submittedAt = performance.now();
    const stream: Stream = { submittedAt, firstAt: 0, lastAt: 0, tokens: 0, tokensFirst: 0, ended: resolve };
    begun.set(label, stream);
    const { jobId } = await client.api.call('jobs.submit', {
      ...spec,
      inputs: [{ prompt: prompts[index] ?? '' }],
      stream: true,
      label,
      budgetMicro: '1000000',
      ownNode: 'never',
      deadlineMs: promptMsMax,
    });
    jobIds.push(jobId);
    await within(promptMsMax + 5_000, promise, `question ${index + 1} was not answered in time`);
    finished.push(stream);
    const results = await client.api.call('jobs.results', { jobId });
    outputs[index] = results.outputs[0]?.output ?? null;
    tell(performance.now());
  };
  try {
    const next = prompts.keys();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const index of next) await runOne(index);
      }),
    );
  } finally {
    unsubscribe();
  }
  screen.keep();
  const shown = finished.filter(({ tokens }) => tokens > 0);
  return {
    streams: shown.length,
    firstTokenMs: Math.round(median(shown.map(({ firstAt, submittedAt }) => firstAt - submittedAt))),
    tokensPerSecond: median(
      shown
        .filter(({ firstAt, lastAt }) => lastAt > firstAt)
        .map(({ tokens, tokensFirst, firstAt, lastAt }) => ((tokens - tokensFirst) * 1000) / (lastAt - firstAt)),
    ),
    outputs,
    jobIds,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
