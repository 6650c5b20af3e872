/**
 * Keeps runners warm: one process per template and model, started when needed, shared by runs, ended when idle for long or
 * when another needs the room (`warmth.ts`), started anew after a crash — but not for ever. A template that is not declared
 * stateless has a runner of its own for each run.
 */
import type { Logger } from '../../ports/index.ts';
import { messageOf } from '../fault.ts';
import type { Failure } from './failure.ts';
import type { RunnerHost, RunnerStart } from './host.ts';
import { type Workload, workloadKey } from './messages.ts';
import type { RunnerLimits, WarmOptions } from './options.ts';
import { Runner } from './runner.ts';
import { toEvict } from './warmth.ts';

export interface PoolOptions {
  readonly limits: RunnerLimits;
  /** Runs at one time in one process. */
  runsMax(): number;
  /** What may be kept warm. */
  warm(): WarmOptions;
  /** What a runner for a workload is, and where it is to run. */
  prepare(workload: Workload): { readonly start: RunnerStart; readonly host: RunnerHost } | Failure;
  readonly log: Logger | null;
}

/** A place in a runner. Release it when the runner has nothing more to do with the run. */
export interface Lease {
  readonly runner: Runner;
  release(): void;
  /**
   * The run is to stand still, or to go on. A runner stands still when none of its runs is to go on.
   * @param crowded called when another run has to go on in the same runner: this one should be given up.
   */
  hold(held: boolean, crowded: () => void): void;
  /** The run was given up: it does not keep its runner from standing still, nor from going on. */
  leave(): void;
}

interface Place {
  state: 'live' | 'held' | 'leaving';
  crowded(): void;
}

interface Entry {
  readonly key: string;
  /** Of one run: ended after it, since what the run left in it must not meet the next. */
  readonly isSingle: boolean;
  readonly workload: Workload;
  readonly runner: Runner;
  readonly bytes: number;
  readonly places: Set<Place>;
  /** How many places are taken. */
  readonly leases: number;
  frozen: boolean;
  usedAt: number;
  idleTimer: NodeJS.Timeout | null;
  /** We ended it on purpose: its death is no crash. */
  retired: boolean;
}

interface Waiter {
  readonly workload: Workload;
  readonly settle: (got: Lease | Failure) => void;
}

export class RunnerPool {
  readonly #options: PoolOptions;
  readonly #entries = new Map<string, Entry>();
  /** Runners that may still be there, also those that are on their way out. */
  readonly #living = new Set<Runner>();
  readonly #crashes = new Map<string, { at: number; why: string }[]>();
  readonly #waiters: Waiter[] = [];
  #stopped = false;
  #singles = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Ids of the runners' processes or containers, for people and tests. */
  get ids(): readonly string[] {
    return [...this.#living].flatMap(({ id }) => (id === null ? [] : [id]));
  }

  /** What is in memory, or being loaded, the most recently used first. */
  get warm(): readonly Workload[] {
    return [...this.#entries.values()]
      .filter(({ runner, isSingle }) => runner.alive && !isSingle)
      .sort((a, b) => b.leases - a.leases || b.usedAt - a.usedAt)
      .map(({ workload }) => workload);
  }

  /**
   * Waits for a place. `withdraw` ends the waiting with the failure given to it.
   * @returns the promise of a place, and the way out of the line.
   */
  acquire(workload: Workload): { got: Promise<Lease | Failure>; withdraw: (reason: Failure) => void } {
    const { promise, resolve } = Promise.withResolvers<Lease | Failure>();
    const waiter: Waiter = { workload, settle: resolve };
    if (this.#waiters.length >= this.#options.limits.waitingMax) {
      resolve({ code: 'no-capacity', message: `${this.#waiters.length} runs are already waiting on this computer` });
    } else {
      this.#waiters.push(waiter);
      this.#serveWaiters();
    }
    const withdraw = (reason: Failure): void => {
      const at = this.#waiters.indexOf(waiter);
      if (at < 0) return;
      this.#waiters.splice(at, 1);
      resolve(reason);
    };
    return { got: promise, withdraw };
  }

  /** Kills all runners; settles when they are gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#serveWaiters();
    for (const entry of this.#entries.values()) this.#retire(entry, 'the executor stops');
    await Promise.all([...this.#living].map(({ exited }) => exited));
  }

  /** In the order of arrival; who must wait does not hold up those behind that need another runner. */
  #serveWaiters(): void {
    for (const waiter of [...this.#waiters]) {
      const got = this.#stopped
        ? ({ code: 'internal', message: 'the executor stops' } as const)
        : this.#tryAcquire(waiter.workload);
      if (got === null) continue;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.settle(got);
    }
  }

  #tryAcquire(workload: Workload): Lease | Failure | null {
    const key = workloadKey(workload);
    const present = this.#entries.get(key);
    if (present?.runner.alive) {
      const isHeld = [...present.places].some(({ state }) => state === 'held') || present.runner.doubtful;
      return !isHeld && present.leases < this.#options.runsMax() ? this.#lease(present) : null;
    }
    if (present !== undefined) this.#forget(present);

    const rest = this.#restOf(key);
    if (rest !== null) return rest;
    const prepared = this.#options.prepare(workload);
    if ('code' in prepared) return prepared;
    const evicted = toEvict([...this.#entries.values()], prepared.start.bytes, this.#options.warm());
    if (evicted === null) return null;
    for (const entry of evicted) this.#retire(entry, 'another model needs its place');
    return this.#lease(this.#begin(workload, prepared.start, prepared.host));
  }

  #begin(workload: Workload, start: RunnerStart, host: RunnerHost): Entry {
    const isSingle = !start.template.template.stateless;
    const shared = workloadKey(workload);
    const key = isSingle ? `${shared} ${++this.#singles}` : shared;
    const opening = host.open(start);
    const runner = new Runner(start, opening);
    const entry: Entry = {
      key,
      isSingle,
      workload,
      runner,
      bytes: start.bytes,
      places: new Set(),
      get leases() {
        return this.places.size;
      },
      frozen: false,
      usedAt: performance.now(),
      idleTimer: null,
      retired: false,
    };
    this.#entries.set(key, entry);
    this.#living.add(runner);
    const template = start.template.template.name;
    void opening.then((opened) => {
      if (!('code' in opened)) this.#options.log?.info({ template, host: host.name, id: opened.id }, 'runner started');
    });
    void runner.exited.then(({ code, message }) => {
      this.#living.delete(runner);
      this.#forget(entry);
      if (!entry.retired) {
        // The message may hold what the runner wrote, and so what a client asked: it goes to the client, not the log.
        this.#options.log?.warn({ template, host: host.name, id: runner.id, code }, 'runner ended unexpectedly');
        // It is no fault of the runner's when what it ran in went away.
        const isCrash = host.refusal(start.template) === null;
        const before = this.#crashes.get(shared) ?? [];
        if (isCrash) this.#crashes.set(shared, [...before, { at: performance.now(), why: message }]);
      }
      this.#serveWaiters();
    });
    return entry;
  }

  #lease(entry: Entry): Lease {
    if (entry.idleTimer !== null) clearTimeout(entry.idleTimer);
    entry.idleTimer = null;
    const place: Place = { state: 'live', crowded: () => undefined };
    entry.places.add(place);
    return {
      runner: entry.runner,
      hold: (held, crowded) => {
        if (place.state === 'leaving') return;
        place.state = held ? 'held' : 'live';
        place.crowded = crowded;
        this.#turn(entry);
      },
      leave: () => {
        place.state = 'leaving';
        this.#turn(entry);
      },
      release: () => {
        if (!entry.places.delete(place)) return;
        this.#turn(entry);
        entry.usedAt = performance.now();
        if (entry.isSingle) this.#retire(entry, 'its run is over');
        else if (entry.leases === 0 && entry.runner.alive) {
          entry.idleTimer = setTimeout(() => this.#retire(entry, 'idle'), this.#options.warm().idleMs);
          entry.idleTimer.unref();
        }
        this.#serveWaiters();
      },
    };
  }

  /** After all that is held or let go in this moment. */
  #turn(entry: Entry): void {
    queueMicrotask(() => {
      const held = [...entry.places].filter(({ state }) => state === 'held');
      const isLive = [...entry.places].some(({ state }) => state === 'live');
      if (isLive) for (const place of held) place.crowded();
      const frozen = held.length > 0 && !isLive;
      if (frozen === entry.frozen) return;
      entry.frozen = frozen;
      entry.runner.setFrozen(frozen).catch((error: unknown) => {
        this.#options.log?.warn({ id: entry.runner.id, error: messageOf(error) }, 'a runner cannot be held');
      });
      if (!frozen) this.#serveWaiters();
    });
  }

  #retire(entry: Entry, why: string): void {
    entry.retired = true;
    this.#forget(entry);
    entry.runner.end({ code: 'internal', message: `the runner was ended: ${why}` });
  }

  #forget(entry: Entry): void {
    if (entry.idleTimer !== null) clearTimeout(entry.idleTimer);
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  /** A runner that crashes again and again would keep the computer busy with starting it. */
  #restOf(key: string): Failure | null {
    const { crashesMax, crashWindowMs } = this.#options.limits;
    const recent = (this.#crashes.get(key) ?? []).filter(({ at }) => performance.now() - at < crashWindowMs);
    if (recent.length === 0) this.#crashes.delete(key);
    else this.#crashes.set(key, recent);
    const last = recent.at(-1);
    if (last === undefined || recent.length < crashesMax) return null;
    return {
      code: 'container',
      message: `the runner ended ${recent.length} times within ${crashWindowMs / 1000} s and rests; the last time: ${last.why}`,
    };
  }
}
