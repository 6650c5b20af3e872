/** What every page shows of the node, kept fresh: asked again when an event says that it changed, and now and then. */
import {
  ApiError,
  type MethodInput,
  type MethodName,
  type MethodResult,
  type StreamItem,
} from '../../node-core/protocol/index.ts';
import type { NodeLink } from './link.svelte.ts';

/** Events come in crowds: one question answers for all of the same moment. */
const gatherMs = 150;
/** Answers of pages that were left. */
const keptMax = 64;

export interface QueryOptions {
  /** Begins of event types, as `job.` or `payment.paid`, after which the answer is another. */
  readonly on: readonly string[];
  readonly everyMs?: number;
}

/** The answer to one call, kept fresh while somebody looks at it. */
export class Query<M extends MethodName> {
  value = $state.raw<MethodResult<M> | null>(null);
  /** Of the last attempt; the value before it stays. */
  error = $state<string | null>(null);

  readonly #link: NodeLink;
  readonly #method: M;
  readonly #params: MethodInput<M>;
  readonly #options: QueryOptions;
  #watchers = 0;
  #stop: (() => void) | null = null;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  #again = false;

  constructor(link: NodeLink, method: M, params: MethodInput<M>, options: QueryOptions) {
    this.#link = link;
    this.#method = method;
    this.#params = params;
    this.#options = options;
  }

  /** @returns a function that ends it. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) this.#start();
    return () => {
      this.#watchers -= 1;
      if (this.#watchers > 0) return;
      this.#stop?.();
      this.#stop = null;
    };
  }

  async refresh(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      this.value = await this.#link.call(this.#method, this.#params);
      this.error = null;
    } catch (error) {
      this.error = messageOf(error);
    } finally {
      this.#asking = false;
    }
    if (!this.#again) return;
    this.#again = false;
    this.#soon();
  }

  #start(): void {
    void this.refresh();
    const unfollow = this.#link.follow((item) => {
      // Nobody looks at a hidden page: it asks when it is seen again.
      if (!document.hidden && isAbout(item, this.#options.on)) this.#soon();
    });
    const { everyMs } = this.#options;
    const timer = everyMs === undefined ? undefined : setInterval(() => !document.hidden && this.refresh(), everyMs);
    const onVisible = (): void => {
      if (!document.hidden) void this.refresh();
    };
    document.addEventListener('visibilitychange', onVisible);
    this.#stop = () => {
      unfollow();
      document.removeEventListener('visibilitychange', onVisible);
      clearInterval(timer);
      clearTimeout(this.#gathering);
      this.#gathering = undefined;
    };
  }

  #soon(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      void this.refresh();
    }, gatherMs);
  }
}

function isAbout(item: StreamItem, begins: readonly string[]): boolean {
  return item.kind === 'event' && begins.some((begin) => item.event.type.startsWith(begin));
}

export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof Error ? error.message : String(error);
}

/** The questions that several pages share. */
export class Live {
  readonly #link: NodeLink;
  /** By method and parameters; a key's method is the answer's. */
  readonly #kept = new Map<string, unknown>();

  readonly status: Query<'node.status'>;
  readonly provider: Query<'provider.status'>;
  readonly wallet: Query<'wallet.summary'>;
  readonly peers: Query<'peers.list'>;
  readonly templates: Query<'jobs.templates'>;

  constructor(link: NodeLink) {
    this.#link = link;
    const query = <M extends MethodName>(method: M, options: QueryOptions) =>
      // Every method in here takes no parameters.
      new Query<M>(link, method, {} as MethodInput<M>, options);
    this.status = query('node.status', {
      on: ['node.', 'provider.', 'peer.', 'job.', 'work.'],
      everyMs: 5_000,
    });
    this.provider = query('provider.status', { on: ['provider.', 'work.'], everyMs: 15_000 });
    this.wallet = query('wallet.summary', { on: ['payment.'] });
    this.peers = query('peers.list', { on: ['peer.', 'receipt.', 'reputation.', 'provider.'], everyMs: 10_000 });
    this.templates = query('jobs.templates', { on: ['peer.', 'provider.'] });
  }
  /** The same question gives the same answer object: who comes back to a page sees at once what was there. */
  query<M extends MethodName>(method: M, params: MethodInput<M>, options: QueryOptions): Query<M> {
    const key = `${method} ${JSON.stringify(params)}`;
    const kept = this.#kept.get(key) as Query<M> | undefined;
    if (kept !== undefined) return kept;
    const made = new Query<M>(this.#link, method, params, options);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= keptMax && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, made);
    return made;
  }
}
