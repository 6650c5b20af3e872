/** Shards that want further replicas, and who gets them: in order, those that were begun first. */
import type { Capped } from '../payment/index.ts';
import type { PeerId } from '../protocol/index.ts';
import { alike, type Choice, Chooser, inFlightMax, type NoChoice } from './choose.ts';
import type { RunningJob } from './running-job.ts';
import { isActive, type Job, type Role, type Shard } from './state.ts';

/** Shards looked at in one go when none of them finds a provider. */
const fruitlessMax = 64;

export interface Want {
  readonly copies: number;
  readonly role: Role;
}

export interface WantsHooks {
  /** Its needs changed, and were not asked again yet. */
  isDirty(index: number): boolean;
  assign(shard: Shard, role: Role, choice: Choice): void;
  /** Its answer waits to be checked, and there is nobody who could; said each time that this is seen. */
  noChecker(shard: Shard): void;
}

/** What came of it: nothing is out and nothing can go out, for lack of money or of providers; or all is well. */
export type Outcome =
  | { readonly kind: 'going' | 'waiting' }
  | { readonly kind: 'too-dear'; readonly shards: Shard[] }
  /** The owner's caps stand against it. */
  | { readonly kind: 'capped'; readonly shards: Shard[]; readonly cap: Capped };

export class Wants {
  readonly #r: RunningJob;
  readonly #hooks: WantsHooks;
  readonly #chooser: Chooser;
  readonly #begun = new Map<number, Want>();
  readonly #fresh = new Map<number, Want>();

  constructor(running: RunningJob, hooks: WantsHooks) {
    this.#r = running;
    this.#hooks = hooks;
    this.#chooser = new Chooser(running.context, running.quotes);
  }

  get size(): number {
    return this.#begun.size + this.#fresh.size;
  }

  clear(): void {
    this.#begun.clear();
    this.#fresh.clear();
    this.#r.context.turns.looks(this.#r.jobId, new Map());
  }

  /** The directory changed. */
  forgetCandidates(): void {
    this.#chooser.forget();
  }

  set({ index, replicas }: Shard, want: Want): void {
    const [mine, other] = replicas.length > 0 ? [this.#begun, this.#fresh] : [this.#fresh, this.#begun];
    other.delete(index);
    if (want.copies > 0) mine.set(index, want);
    else mine.delete(index);
  }

  /** @param active indices of the shards with work out. */
  assignWhatFits(job: Job, active: Iterable<number>): Outcome {
    const inFlight = new Map<PeerId, number>();
    for (const index of active) {
      for (const replica of job.shards[index]?.replicas ?? []) {
        if (replica.state !== 'assigned' && replica.state !== 'running') continue;
        inFlight.set(replica.provider, (inFlight.get(replica.provider) ?? 0) + 1);
      }
    }
    this.#r.context.turns.looks(job.jobId, inFlight);
    if (this.size === 0) return { kind: 'going' };
    const candidates = this.#chooser.candidates(job);
    this.#r.quotes.ask(candidates.map(({ peerId }) => peerId));
    const mayRunOwn = this.#ownNodeMayRun(job);
    const tooDear: Shard[] = [];
    const capped: Shard[] = [];
    for (const wants of [this.#begun, this.#fresh]) {
      const without = this.#assignFrom(wants, job, inFlight, mayRunOwn);
      tooDear.push(...without.budget);
      capped.push(...without.capped);
    }
    if (inFlight.size > 0 || this.size === 0) return { kind: 'going' };
    const { capped: cap } = this.#chooser;
    if (capped.length > 0 && cap !== null) return { kind: 'capped', shards: capped, cap };
    return tooDear.length > 0 ? { kind: 'too-dear', shards: tooDear } : { kind: 'waiting' };
  }

  /** @returns shards that nobody would take for what is left of the budget, or that a cap holds back. */
  #assignFrom(
    wants: Map<number, Want>,
    job: Job,
    inFlight: Map<PeerId, number>,
    mayRunOwn: boolean,
  ): { readonly budget: Shard[]; readonly capped: Shard[] } {
    const lack: { readonly budget: Shard[]; readonly capped: Shard[] } = { budget: [], capped: [] };
    const without: Array<[number, Want]> = [];
    let fruitless = 0;
    // Places only become fewer in here: what was said of one shard holds for those like it.
    const said = new Map<number, NoChoice>();
    for (const [index, want] of wants) {
      const shard = job.shards[index];
      if (shard === undefined || this.#hooks.isDirty(index)) continue;
      const own = mayRunOwn && (job.job.ownNode === 'only' || shard.replicas.every(({ role }) => role === 'own-node'));
      for (let copies = own ? 1 : want.copies; copies > 0; copies--) {
        const kind = own ? null : alike(shard);
        const known = kind === null ? undefined : said.get(kind);
        const choice = known ?? (own ? this.#chooseOwn(shard, inFlight) : this.#chooser.choose(job, shard, inFlight));
        if (typeof choice === 'string') {
          if (kind !== null) said.set(kind, choice);
          fruitless++;
          if (choice === 'budget' || choice === 'capped') lack[choice].push(shard);
          if (choice === 'no-provider') {
            without.push([index, want]);
            if (want.role === 'validator') this.#hooks.noChecker(shard);
          }
          break;
        }
        inFlight.set(choice.provider, (inFlight.get(choice.provider) ?? 0) + 1);
        this.#hooks.assign(shard, own ? 'own-node' : want.role, choice);
        // Its needs have changed: the next step asks again.
        wants.delete(index);
      }
      if (fruitless >= fruitlessMax) break;
    }
    // They tried everybody who is there; the next time others have their turn first.
    for (const [index, want] of without) if (wants.delete(index)) wants.set(index, want);
    return lack;
  }

  /** Only where the owner allows it, and, unless it must, when nobody else is there. */
  #ownNodeMayRun({ job: { ownNode, template, model } }: Job): boolean {
    const { context, startedAt } = this.#r;
    if (ownNode === 'never' || !context.ownServes(template, model)) return false;
    if (ownNode === 'only') return true;
    const looked = context.clock.elapsed() - startedAt >= context.config.discoverMs;
    return looked && context.directory.liveProviders({ template, model }).length === 0;
  }

  #chooseOwn(shard: Shard, inFlight: ReadonlyMap<PeerId, number>) {
    const { quotes, context } = this.#r;
    const self = context.signer.peerId;
    quotes.ask([self]);
    const quote = quotes.usable(self);
    if (quote === null || shard.replicas.some(isActive)) return 'busy' as const;
    if ((inFlight.get(self) ?? 0) >= inFlightMax(quote, context.config.inFlightPerProviderMax)) return 'busy' as const;
    return { provider: self, quote, priceMicro: '0', terms: { ownNode: 1000 }, others: [] };
  }
}
