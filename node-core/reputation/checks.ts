/**
 * What checks of providers have shown this node: a streak of good ones, and disagreement gathered over many (Page's test,
 * verification/sequential.ts). Who disagrees more than honest computers do gets no paid work from here for a while.
 *
 *     await journal.commit([judged, ...checks.record([{ provider, template, model, replicaId, compared: 10, … }])]);
 *     checks.standing({ provider, template, model, unit: 'items' }); // { streak: 11, isSuspect: false }
 *
 * With every exclusion the checks in which the excluded had a decisive voice lose their weight, and who was excluded by them
 * is readmitted. What lost its weight does not get it back: so it ends.
 */
import type { Journal, Projection, View } from '../journal/index.ts';
import type { Clock } from '../ports/index.ts';
import type { EpochMs, EventOf, NodeEvent, PeerExclusion, PeerId } from '../protocol/index.ts';
import { type CheckStanding, type Gathered, nothingGathered } from '../verification/index.ts';
import { type Case, type Doubt, isTooMuch, isWordOf, suspicionOf, withCheck, withoutChecks } from './doubts.ts';

export type CheckResult = Omit<EventOf<'check.recorded'>, 'type' | 'falseAlarmPpm'>;
type Unit = CheckResult['unit'];
/** What was checked, and in what it is counted. */
type CheckSubject = Pick<CheckResult, 'provider' | 'template' | 'model' | 'unit'>;
type Cases = { [U in Unit]?: Case };

export interface ChecksOptions {
  /** Not yet opened: the projection `checks` is registered on it. */
  readonly journal: Journal;
  readonly clock: Clock;
  /** From the section `verification` of the node's config; read at each check, as it may change while the node runs. */
  readonly config: { readonly falseAlarmPpm: number; readonly exclusionMs: number };
}

/** Of one provider with one template and model. */
interface CheckRecord {
  streak: number;
  /** Of its verdicts as a checker, those since the last wrong one. */
  verdictStreak: number;
  checks: number;
  /** Where something speaks against it. */
  cases: Cases;
  seq: number;
}

interface Exclusion extends Omit<PeerExclusion, 'witnesses'> {
  readonly cases: Cases;
}

export interface ChecksState {
  records: Record<string, CheckRecord>;
  excluded: Record<PeerId, Exclusion>;
}

/** Records, and peers that are excluded; over it, the one that was changed longest ago goes. */
const recordsMax = 20_000;
/** From here on every answer is checked. */
const suspectFrom = 0.3;
/** A witness against whom so many times less speaks than against the accused, or less still, is believed. */
const doubtfulWitness = 4;
/** Checks that lose their weight with one exclusion; the rest with the next. */
const voidedMax = 1_000;

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
    const cases = Object.values(record?.cases ?? {});
    return {
      streak: (subject.unit === 'verdicts' ? record?.verdictStreak : record?.streak) ?? 0,
      isSuspect: cases.some((one) => suspicionOf(one) >= suspectFrom) || this.isExcluded(provider),
    };
  }

  isExcluded(provider: PeerId): boolean {
    return this.excludedUntil(provider) !== null;
  }

  /** Null = it is not. */
  excludedUntil(provider: PeerId): EpochMs | null {
    const { until = 0 } = this.#view.state.excluded[provider] ?? {};
    return until > this.#o.clock.now() ? until : null;
  }

  excluded(): PeerId[] {
    return Object.keys(this.#view.state.excluded).filter((peer) => this.isExcluded(peer));
  }

  /** Since when, by what and by whose word; null = it gets work like anybody. */
  exclusionOf(provider: PeerId): PeerExclusion | null {
    const found = this.#view.state.excluded[provider];
    if (found === undefined || !this.isExcluded(provider)) return null;
    const { cases, ...exclusion } = found;
    const witnesses = Object.values(cases).flatMap(({ checks }) => checks.flatMap((check) => check.witnesses));
    return { ...exclusion, witnesses: [...new Set(witnesses)].sort() };
  }

  /** Of its disagreement. */
  gathered(subject: CheckSubject): Gathered {
    return this.#view.state.records[keyOf(subject)]?.cases[subject.unit]?.gathered ?? nothingGathered;
  }

  /** Would honest disagreement still explain all that is gathered, with so much more of it? */
  isExplained(
    subject: CheckSubject & { honestPpm: number },
    counted: { readonly compared: number; readonly differed: number },
  ): boolean {
    const before = this.#view.state.records[keyOf(subject)]?.cases[subject.unit];
    const of = { honestPpm: subject.honestPpm, falseAlarmPpm: this.#o.config.falseAlarmPpm };
    const after = withCheck(before, of, { replicaId: '', witnesses: [], ...counted });
    return after === null || !isTooMuch(after);
  }

  /** To be committed with the verdict. */
  record(results: readonly CheckResult[]): NodeEvent[] {
    const { clock, config } = this.#o;
    const { falseAlarmPpm, exclusionMs } = config;
    const distrusted = new Set(this.excluded());
    const events: NodeEvent[] = [];
    const fresh = new Set<PeerId>();
    for (const result of results) {
      const { provider, template, model, unit } = result;
      events.push({ type: 'check.recorded', ...result, falseAlarmPpm });
      const check = doubtOf(result);
      if (isWordOf(check, distrusted)) {
        events.push(voided(result, check, distrusted));
        continue;
      }
      const before = this.#view.state.records[keyOf(result)]?.cases[unit];
      const after = withCheck(before, { honestPpm: result.honestPpm, falseAlarmPpm }, check);
      if (after === null || !isTooMuch(after) || distrusted.has(provider)) continue;
      const doubted = this.#doubtedBeside(provider, suspicionOf(after), distrusted);
      const undoubted = withoutChecks(after, (each) => isWordOf(each, doubted));
      if (undoubted === null || !isTooMuch(undoubted)) continue;
      const { compared, differed } = after.gathered;
      const until = clock.now() + exclusionMs;
      events.push({ type: 'peer.excluded', provider, template, model, compared, differed, until });
      fresh.add(provider);
      distrusted.add(provider);
    }
    return fresh.size === 0 ? events : [...events, ...this.#reconsider(distrusted, fresh)];
  }

  /**
   * Whose word does not exclude the accused: those who are excluded, and those against whom a good part of what speaks against
   * it speaks too. A ring is outvoted sooner than whom it outvotes is outvoted for the third time.
   */
  #doubtedBeside(accused: PeerId, suspicion: number, distrusted: ReadonlySet<PeerId>): ReadonlySet<PeerId> {
    const doubted = new Set(distrusted);
    for (const [key, { cases }] of Object.entries(this.#view.state.records)) {
      const { provider } = subjectOf(key);
      if (provider === accused) continue;
      if (Object.values(cases).some((one) => suspicionOf(one) * doubtfulWitness >= suspicion)) doubted.add(provider);
    }
    return doubted;
  }

  /** What rests on the word of those who are excluded. */
  #reconsider(distrusted: ReadonlySet<PeerId>, fresh: ReadonlySet<PeerId>): NodeEvent[] {
    const { records, excluded } = this.#view.state;
    const events: NodeEvent[] = [];
    const voidIn = (subject: Omit<CheckSubject, 'unit'>, cases: Cases): boolean => {
      let isHeld = false;
      for (const [unit, known] of casesOf(cases)) {
        const gone = known.checks
          .filter((check) => isWordOf(check, distrusted))
          .slice(0, Math.max(0, voidedMax - events.length));
        for (const check of gone) events.push(voided({ ...subject, unit }, check, distrusted));
        const left = withoutChecks(known, (check) => gone.includes(check));
        isHeld ||= left !== null && isTooMuch(left);
      }
      return isHeld;
    };
    // Sorted, as a snapshot keeps no order.
    for (const key of Object.keys(records).sort()) {
      const subject = subjectOf(key);
      // Its records end with its exclusion.
      if (!fresh.has(subject.provider)) voidIn(subject, records[key]?.cases ?? {});
    }
    for (const provider of Object.keys(excluded).sort()) {
      const exclusion = excluded[provider];
      if (exclusion === undefined || !distrusted.has(provider) || fresh.has(provider)) continue;
      const { template, model, cases } = exclusion;
      if (!voidIn({ provider, template, model }, cases)) {
        events.push({ type: 'peer.readmitted', provider, template, model });
      }
    }
    return events;
  }
}

function doubtOf({ replicaId, compared, differed, witnesses = [] }: CheckResult): Doubt {
  return { replicaId, compared, differed, witnesses };
}

function voided(
  { provider, template, model, unit }: CheckSubject,
  { replicaId, witnesses }: Doubt,
  distrusted: ReadonlySet<PeerId>,
): NodeEvent {
  const liars = witnesses.filter((witness) => distrusted.has(witness));
  return { type: 'check.voided', provider, template, model, unit, replicaId, liars };
}

function keyOf({ provider, template, model }: Omit<CheckSubject, 'unit'>): string {
  return `${provider} ${template} ${model ?? '-'}`;
}

function subjectOf(key: string): Omit<CheckSubject, 'unit'> {
  const [provider = '', template = '', model = '-'] = key.split(' ');
  return { provider, template, model: model === '-' ? null : model };
}

function casesOf(cases: Cases): Array<[Unit, Case]> {
  return (['items', 'tokens', 'verdicts'] as const).flatMap((unit): Array<[Unit, Case]> => {
    const known = cases[unit];
    return known === undefined ? [] : [[unit, known]];
  });
}

function withCase(cases: Cases, unit: Unit, known: Case | null): Cases {
  const { [unit]: _, ...others } = cases;
  return known === null ? others : { ...others, [unit]: known };
}

export const checksProjection: Projection<ChecksState> = {
  name: 'checks',
  version: 4,
  initial: () => ({ records: {}, excluded: {} }),
  apply(state, { seq, at, event }) {
    switch (event.type) {
      case 'check.recorded': {
        const key = keyOf(event);
        const { streak = 0, verdictStreak = 0, checks = 0, cases = {} } = state.records[key] ?? {};
        const isVerdict = event.unit === 'verdicts';
        const { honestPpm, falseAlarmPpm } = event;
        const after = withCheck(cases[event.unit], { honestPpm, falseAlarmPpm }, doubtOf(event));
        state.records[key] = {
          // A single known item is a weaker check than a shard that was run again: it can end a streak, not lengthen it.
          streak: isVerdict ? streak : event.ok ? streak + (event.canary ? 0 : 1) : 0,
          verdictStreak: !isVerdict ? verdictStreak : event.ok ? verdictStreak + 1 : 0,
          checks: checks + 1,
          cases: withCase(cases, event.unit, after),
          seq,
        };
        forgetOldest(state.records, ({ seq: changed }) => changed);
        break;
      }
      case 'check.voided': {
        const { replicaId, unit } = event;
        const record = state.records[keyOf(event)];
        const exclusion = state.excluded[event.provider];
        const isIt = (check: Doubt): boolean => check.replicaId === replicaId && check.differed > 0;
        const without = (cases: Cases): Cases => {
          const known = cases[unit];
          return known === undefined ? cases : withCase(cases, unit, withoutChecks(known, isIt));
        };
        if (record !== undefined) record.cases = without(record.cases);
        else if (exclusion !== undefined && keyOf(exclusion) === keyOf(event))
          state.excluded[event.provider] = { ...exclusion, cases: without(exclusion.cases) };
        break;
      }
      case 'peer.excluded': {
        const { provider, template, model, compared, differed, until } = event;
        const { cases = {} } = state.records[keyOf(event)] ?? {};
        state.excluded[provider] = { provider, template, model, since: at, until, compared, differed, cases };
        forgetOldest(state.excluded, (each) => each.until);
        // When its time is over it begins anew, like a stranger.
        for (const key of Object.keys(state.records)) if (key.startsWith(`${provider} `)) delete state.records[key];
        break;
      }
      case 'peer.readmitted': {
        const exclusion = state.excluded[event.provider];
        if (exclusion === undefined) break;
        state.records[keyOf(event)] = { streak: 0, verdictStreak: 0, checks: 0, cases: exclusion.cases, seq };
        delete state.excluded[event.provider];
        forgetOldest(state.records, ({ seq: changed }) => changed);
        break;
      }
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
