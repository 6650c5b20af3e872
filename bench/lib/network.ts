/** A client and providers as real processes on loopback, for benchmarks. */
import type { NodeConfigInput } from '../../node-core/config/index.ts';
import type { ControlClient } from '../../node-core/control/index.ts';
import type { Id, MethodInput, MethodResult, StreamItem } from '../../node-core/protocol/index.ts';
import type { NodeGroup, RunningNode } from '../../scripts/demo/nodes.ts';

const waitMsMax = 60_000;
const lookEveryMs = 50;

export type Config = Partial<Omit<NodeConfigInput, 'dataFolder'>>;

/** Resolves when the client knows all providers as live. */
export async function startNetwork(
  group: NodeGroup,
  settings: {
    readonly template: string;
    readonly providers: number;
    readonly config: Config;
    /** Of the node processes, in addition. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<RunningNode> {
  const { template, providers, config, env = {} } = settings;
  const bootstrap: string[] = [];
  for (let i = 1; i <= providers; i++) {
    const node = await group.start({ name: `provider-${i}`, provider: true, bootstrap, config, env });
    if (bootstrap.length === 0) bootstrap.push(...node.addresses.slice(0, 1));
  }
  const client = await group.start({ name: 'client', provider: false, bootstrap, config, env });
  await until(async () => {
    const { templates } = await client.api.call('jobs.templates', {});
    return templates.some((known) => known.name === template && known.providers === providers);
  });
  return client;
}

/** Follows a node's jobs by its event stream: no polling. */
export class JobWatch {
  readonly #api: ControlClient;
  readonly #end: () => void;
  readonly #ended = new Map<Id, string>();
  readonly #waiting = new Map<Id, (state: string) => void>();
  readonly #listeners = new Set<(item: StreamItem) => void>();

  constructor(api: ControlClient) {
    this.#api = api;
    // From the present on: a cursor beyond the log counts as its end.
    this.#end = api.subscribe(Number.MAX_SAFE_INTEGER, (item) => {
      for (const listener of this.#listeners) listener(item);
      if (item.kind !== 'event' || item.event.type !== 'job.ended') return;
      const { jobId, state } = item.event;
      const resolve = this.#waiting.get(jobId);
      // The event may be faster than the answer to the submission.
      if (resolve === undefined) this.#ended.set(jobId, state);
      else resolve(state);
    });
  }

  /** @returns a function that ends it. */
  listen(listener: (item: StreamItem) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From submission to results in hand. @throws Error when not every item was answered. */
  async run(spec: MethodInput<'jobs.submit'>): Promise<MethodResult<'jobs.results'>['outputs']> {
    const { jobId } = await this.#api.call('jobs.submit', spec);
    const state = this.#ended.get(jobId) ?? (await new Promise<string>((resolve) => this.#waiting.set(jobId, resolve)));
    this.#ended.delete(jobId);
    this.#waiting.delete(jobId);
    if (state !== 'done') {
      const { reason } = await this.#api.call('jobs.get', { jobId });
      throw new Error(`the job is ${state}: ${reason}`);
    }
    return (await this.#api.call('jobs.results', { jobId })).outputs;
  }

  close(): void {
    this.#end();
  }
}

/** @throws Error when it does not hold in time. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('the nodes were not ready in time');
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

export async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}
