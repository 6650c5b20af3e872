/**
 * What stands against working for others now: too little space on the disk, no mains, sleep, a full screen, the owner's
 * word. Each is an event when it begins and when it is over, so that it is told and can be looked up. Meanwhile no work is
 * taken, and what runs stands still.
 *
 * Looked at every `host.checkMs`, with work in hand every `host.checkBusyMs`, and at once when the host says that something changed.
 */
import type { NodeConfig } from '../config/schema.ts';
import type { Journal, Projection, View } from '../journal/index.ts';
import type { Clock, Host, HostConditions, Logger } from '../ports/index.ts';
import type { EpochMs, NodeEvent, PauseCause } from '../protocol/index.ts';

interface Pause {
  readonly by: PauseCause;
  readonly reason: string;
  readonly since: EpochMs;
}

/** A disk at its limit would pause and go on by turns: it has to have this much more before work is taken again. */
const recoveredPercent = 110;
const lookMsMax = 3_000;
const mebibyte = 1024 * 1024;

/**
 * The causes in force. A start forgets what the computer said: it is looked at anew before work is taken. What the owner
 * said holds until the owner takes it back.
 */
const pausesProjection: Projection<Partial<Record<PauseCause, Pause>>> = {
  name: 'provider-pauses',
  version: 1,
  initial: () => ({}),
  apply: (state, { at, event }) => {
    if (event.type === 'node.started') for (const by of watched) delete state[by];
    if (event.type === 'provider.paused') state[event.by] = { by: event.by, reason: event.reason, since: at };
    if (event.type === 'provider.resumed') delete state[event.by];
  },
};

/** What the computer is looked at for. */
const watched = ['disk', 'sleep', 'battery', 'full-screen'] as const;
const causes: readonly PauseCause[] = ['hand', ...watched];

export interface PausesOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly host: Host | undefined;
  readonly config: NodeConfig['host'];
  readonly log: Logger;
  /** Work is taken from now on, or no more. */
  onChange(): void;
}

export class Pauses {
  readonly #o: PausesOptions;
  readonly #view: View<Partial<Record<PauseCause, Pause>>>;
  #cancel: (() => void) | null = null;
  #unfollow: (() => void) | null = null;
  #isLooking = false;
  #again = false;
  #stopped = false;
  #isBusy = false;
  #unseen: NonNullable<HostConditions['fullScreenUnseen']> | null = null;

  constructor(options: PausesOptions) {
    this.#o = options;
    this.#view = options.journal.register(pausesProjection);
  }

  /** The one that weighs most first. */
  get all(): readonly Pause[] {
    return causes.flatMap((by) => this.#view.state[by] ?? []);
  }

  /** Why a full screen is not noticed here, where it should be; null where it is. */
  get fullScreenUnseen(): NonNullable<HostConditions['fullScreenUnseen']> | null {
    return this.#o.config.pauseOnFullScreen ? this.#unseen : null;
  }

  /** The owner's word. */
  async byHand(paused: boolean): Promise<void> {
    const { journal, log } = this.#o;
    if (paused === (this.#view.state.hand !== undefined)) return;
    log.info({ paused }, paused ? 'paused by its owner' : 'goes on by its owner’s word');
    await journal.commit([
      paused
        ? { type: 'provider.paused', by: 'hand', reason: 'its owner has paused it' }
        : { type: 'provider.resumed', by: 'hand' },
    ]);
    this.#o.onChange();
  }

  /** @param own for the owner's own jobs, which only a full disk holds back: the owner sits before it, and asked for them. */
  against(own: boolean): string | null {
    return this.all.find(({ by }) => !own || by === 'disk')?.reason ?? null;
  }

  /** Work is here, or none is: what runs is to stand still soon, so the computer is looked at more often. */
  set busy(isBusy: boolean) {
    if (isBusy === this.#isBusy) return;
    this.#isBusy = isBusy;
    if (isBusy && this.#cancel !== null) this.#later();
  }

  /** Resolves when the computer was looked at. */
  async start(): Promise<void> {
    const { host } = this.#o;
    if (host?.conditions === undefined) return;
    this.#unfollow = host.onConditions?.(() => void this.look()) ?? null;
    await this.look();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = null;
    this.#unfollow?.();
    this.#unfollow = null;
  }

  /** Now, and not at the next turn: the host or the settings say something else. */
  async look(): Promise<void> {
    const { host, log } = this.#o;
    if (host?.conditions === undefined || this.#stopped) return;
    if (this.#isLooking) {
      this.#again = true;
      return;
    }
    this.#isLooking = true;
    this.#cancel?.();
    try {
      do {
        this.#again = false;
        await this.#judge(await this.#conditions(host));
      } while (this.#again);
    } catch (error) {
      log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'the computer could not be looked at',
      );
    } finally {
      this.#isLooking = false;
    }
    if (!this.#stopped) this.#later();
  }

  #later(): void {
    const { clock, config } = this.#o;
    this.#cancel?.();
    this.#cancel = clock.after(this.#isBusy ? config.checkBusyMs : config.checkMs, () => void this.look());
  }

  /** A disk that does not answer (a server that is away) must hold up nothing. */
  #conditions(host: Host): Promise<HostConditions> {
    return new Promise((resolve, reject) => {
      const late = this.#o.clock.after(lookMsMax, () => reject(new Error(`nothing within ${lookMsMax} ms`)));
      (host.conditions?.() ?? Promise.reject(new Error('it tells nothing'))).then(resolve, reject).finally(late);
    });
  }

  async #judge(conditions: HostConditions): Promise<void> {
    if (this.#stopped) return;
    const { journal, config, log } = this.#o;
    this.#unseen = conditions.fullScreenUnseen ?? null;
    const events = watched.flatMap((by): NodeEvent[] => {
      const reason = reasons[by](conditions, config, this.#view.state[by] !== undefined);
      if ((reason !== null) === (this.#view.state[by] !== undefined)) return [];
      log.warn({ by, reason }, reason === null ? 'this holds work back no longer' : 'no work is taken for now');
      return [reason === null ? { type: 'provider.resumed', by } : { type: 'provider.paused', by, reason }];
    });
    if (events.length === 0) return;
    await journal.commit(events);
    this.#o.onChange();
  }
}

/** @returns why no work is to be taken, or null. */
type Judge = (conditions: HostConditions, config: NodeConfig['host'], isPaused: boolean) => string | null;

const reasons: Readonly<Record<(typeof watched)[number], Judge>> = {
  disk: ({ diskFreeBytes }, { diskFreeBytesMin }, isPaused) => {
    if (diskFreeBytes === null) return null;
    const needed = isPaused ? (diskFreeBytesMin / 100) * recoveredPercent : diskFreeBytesMin;
    if (diskFreeBytes >= needed) return null;
    const free = Math.floor(diskFreeBytes / mebibyte);
    const wanted = Math.ceil(diskFreeBytesMin / mebibyte);
    return `the disk with the data folder has ${free} MiB left, and work is taken from ${wanted} MiB on (host.diskFreeBytesMin)`;
  },
  sleep: ({ suspended }) => (suspended === true ? 'the computer is going to sleep' : null),
  battery: ({ onBattery }, { pauseOnBattery }) =>
    onBattery === true && pauseOnBattery ? 'the computer runs on its battery (host.pauseOnBattery)' : null,
  'full-screen': ({ fullScreen }, { pauseOnFullScreen }) =>
    fullScreen === true && pauseOnFullScreen ? 'a program fills the screen (host.pauseOnFullScreen)' : null,
};
