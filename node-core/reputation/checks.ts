/**
 * What checks of providers have shown this node: a streak of good ones, and disagreement gathered over many (Page's test,
 * verification/sequential.ts). Who disagrees more than honest computers do gets no paid work from here for a while.
 *
 *     await journal.commit([judged, ...checks.record({ provider, template, model, replicaId, compared: 10, … })]);
 *     checks.standing({ provider, template, model, unit: 'items' }); // { streak: 11, isSuspect: false }
 */
import type { Journal, Projection, View } from '../journal/index.ts';
import type { Clock } from '../ports/index.ts';
import type { EpochMs, EventOf, NodeEvent, PeerId } from '../protocol/index.ts';
import {
  type CheckStanding,
  type DisagreementTest,
  disagreementTest,
  exceedsHonest,
  type Gathered,
  gather,
  nothingGathered,
  shareOfThreshold,
} from '../verification/index.ts';

export type CheckResult = Omit<EventOf<'check.recorded'>, 'type' | 'falseAlarmPpm'>;
/** What was checked, and in what it is counted. */
type CheckSubject = Pick<CheckResult, 'provider' | 'template' | 'model' | 'unit'>;

export interface ChecksOptions {
  /** Not yet opened: the projection `checks` is registered on it. */
  readonly journal: Journal;
  readonly clock: Clock;
  readonly falseAlarmPpm: number;
  readonly exclusionMs: number;
}

/** Of one provider with one template and model. */
interface CheckRecord {
  streak: number;
  checks: number;
  gathered: { [Unit in CheckSubject['unit']]?: Gathered };
  /** Share of what decides, thousandths: for who draws. */
  suspicionMilli: { [Unit in CheckSubject['unit']]?: number };
  seq: number;
}

export interface ChecksState {
  records: Record<string, CheckRecord>;
  excluded: Record<PeerId, EpochMs>;
}

/** Records, and peers that are excluded; over it, the one that was changed longest ago goes. */
const recordsMax = 20_000;
/**
 * What one check may bring to the proof, of a hundred: nobody is excluded before the third. Else two colluders who happen to
 * outvote an honest provider would have it excluded at once.
 */
const perCheckMaxPercent = 40;
/** From here on every answer is checked. */
const suspectMilli = 300;

export class Checks {
  readonly #o: ChecksOptions;
  readonly #view: View<ChecksState>;

  constructor(options: ChecksOptions) {
    this.#o = options;
    this.#view = options.journal.register(checksProjection);
  }

  standing(subject: CheckSubject): CheckStanding {
    const { provider } = subject;
    const record = this.#view.state.records[keyOf(subject)];
    const suspicion = Object.values(record?.suspicionMilli ?? {});
    return {
      streak: record?.streak ?? 0,
      isSuspect: suspicion.some((share) => share >= suspectMilli) || this.isExcluded(provider),
    };
  }

  isExcluded(provider: PeerId): boolean {
    return (this.#view.state.excluded[provider] ?? 0) > this.#o.clock.now();
  }

  /** Null = it is not. */
  excludedUntil(provider: PeerId): EpochMs | null {
    return this.isExcluded(provider) ? (this.#view.state.excluded[provider] ?? null) : null;
  }

  excluded(): PeerId[] {
    return Object.keys(this.#view.state.excluded).filter((peer) => this.isExcluded(peer));
  }

  /** Of its disagreement. */
  gathered(subject: CheckSubject): Gathered {
    return this.#view.state.records[keyOf(subject)]?.gathered[subject.unit] ?? nothingGathered;
  }

  /** Would honest disagreement still explain all that is gathered, with so much more of it? */
  isExplained(subject: CheckSubject & { honestPpm: number }, counted: Counted): boolean {
    const before = this.gathered(subject);
    const check = { ...counted, honestPpm: subject.honestPpm, falseAlarmPpm: this.#o.falseAlarmPpm };
    return !exceedsHonest(testOf(check), gathered(check, before));
  }

  /** To be committed with the verdict. */
  record(result: CheckResult): NodeEvent[] {
    const { falseAlarmPpm, exclusionMs, clock } = this.#o;
    const { provider, template, model } = result;
    const recorded = { type: 'check.recorded' as const, ...result, falseAlarmPpm };
    const before = this.gathered(result);
    const after = gathered(recorded, before);
    if (!exceedsHonest(testOf(recorded), after) || this.isExcluded(provider)) return [recorded];
    const { compared, differed } = after;
    const until = clock.now() + exclusionMs;
    return [recorded, { type: 'peer.excluded', provider, template, model, compared, differed, until }];
  }
}

interface Counted {
  readonly compared: number;
  readonly differed: number;
}

function keyOf({ provider, template, model }: CheckSubject): string {
  return `${provider} ${template} ${model ?? '-'}`;
}

/** Its logarithms are exact and take a millisecond; there are as many tests as templates. */
const tests = new Map<string, DisagreementTest>();
const testsMax = 256;

function testOf({ honestPpm, falseAlarmPpm }: { honestPpm: number; falseAlarmPpm: number }): DisagreementTest {
  const key = `${honestPpm} ${falseAlarmPpm}`;
  const test = tests.get(key) ?? disagreementTest({ honestPpm, falseAlarmPpm });
  if (tests.size < testsMax) tests.set(key, test);
  return test;
}

function gathered(check: Counted & { honestPpm: number; falseAlarmPpm: number }, before: Gathered): Gathered {
  const test = testOf(check);
  return gather(test, before, check, Math.ceil((test.thresholdMicro * perCheckMaxPercent) / 100));
}

export const checksProjection: Projection<ChecksState> = {
  name: 'checks',
  version: 2,
  initial: () => ({ records: {}, excluded: {} }),
  apply(state, { seq, event }) {
    switch (event.type) {
      case 'check.recorded': {
        const key = keyOf(event);
        const { streak = 0, checks = 0, gathered: before = {}, suspicionMilli = {} } = state.records[key] ?? {};
        const after = gathered(event, before[event.unit] ?? nothingGathered);
        const share = Math.floor(shareOfThreshold(testOf(event), after) * 1000);
        state.records[key] = {
          // A single known item is a weaker check than a shard that was run again: it can end a streak, not lengthen it.
          streak: event.ok ? streak + (event.canary ? 0 : 1) : 0,
          checks: checks + 1,
          gathered: { ...before, [event.unit]: after },
          suspicionMilli: { ...suspicionMilli, [event.unit]: share },
          seq,
        };
        forgetOldest(state.records, ({ seq: changed }) => changed);
        break;
      }
      case 'peer.excluded':
        state.excluded[event.provider] = event.until;
        forgetOldest(state.excluded, (until) => until);
        // When its time is over it begins anew, like a stranger.
        for (const key of Object.keys(state.records))
          if (key.startsWith(`${event.provider} `)) delete state.records[key];
        break;
    }
  },
};

function forgetOldest<T>(all: Record<string, T>, ageOf: (value: T) => number): void {
  const keys = Object.keys(all);
  if (keys.length <= recordsMax) return;
  const value = (key: string): number => {
    const found = all[key];
    return found === undefined ? Number.POSITIVE_INFINITY : ageOf(found);
  };
  // Sorted, as a snapshot keeps no order.
  const oldest = keys.sort().reduce((a, b) => (value(b) < value(a) ? b : a));
  delete all[oldest];
}
