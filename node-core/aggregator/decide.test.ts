import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReplicaState, replicaStates, type VerificationPolicy } from '../protocol/index.ts';
import { decideShard, type ShardView } from './decide.ts';
import { hasVoice, isActive, isFinalShard, type Replica, type Role, type Shard } from './state.ts';

let counter = 0;

function replica(state: ReplicaState, role: Role = 'copy'): Replica {
  const attempt = ++counter;
  return {
    replicaId: `r${attempt}`,
    shardId: 's',
    jobId: 'j',
    provider: `p${attempt}`,
    attempt,
    role,
    priceMicro: '1',
    assignedAt: 0,
    deadlineAt: 0,
    terms: {},
    state,
    taken: true,
    commitment: null,
    resultHash: null,
    endedAt: null,
  };
}

const two = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;
const adaptive = { type: 'adaptive', streak: 10, floorPpm: 20_000, tieBreakers: 2 } as const;

function shard(states: readonly ReplicaState[], change: Partial<Shard> = {}): Shard {
  return {
    shardId: 's',
    index: 0,
    start: 0,
    count: 1,
    state: 'open',
    target: two.copies,
    disagreements: 0,
    audit: null,
    auditBy: 'run',
    before: null,
    mark: null,
    how: null,
    outputsHash: null,
    failure: null,
    replicas: states.map((state) => replica(state)),
    ...change,
  };
}

function view(change: Partial<ShardView> = {}): ShardView {
  return {
    policy: two,
    cancelling: false,
    canJudge: true,
    attemptsMax: 6,
    doubtful: () => false,
    hopeless: () => false,
    ...change,
  };
}

const idle = {
  copies: 0,
  lose: [],
  cancel: [],
  reveal: [],
  judge: false,
  late: [],
  undecided: [],
  exhausted: null,
  restore: false,
  cancelled: false,
};

describe('an open shard', () => {
  it.each<[string, ReplicaState[], object]>([
    ['wants its copies', [], { copies: 2, role: 'copy' }],
    ['waits for those at work', ['assigned', 'running'], {}],
    ['waits for the second commitment before it asks for any reveal', ['committed', 'running'], {}],
    ['asks all for their reveal once all have committed', ['committed', 'committed'], { reveal: 2 }],
    ['asks the others when one has revealed', ['revealed', 'committed'], { reveal: 1 }],
    ['judges when all have revealed', ['revealed', 'revealed'], { judge: true }],
    ['replaces one that failed', ['failed', 'running'], { copies: 1, role: 'copy' }],
    ['replaces one that was declined', ['declined', 'running'], { copies: 1, role: 'copy' }],
  ])('%s', (_, states, expected) => {
    const { reveal, ...needs } = decideShard(shard(states), view());
    expect({ ...needs, reveal: reveal.length }).toMatchObject({ ...idle, reveal: 0, ...expected });
  });

  it('hedges who is in doubt, and goes on waiting for it', () => {
    const needs = decideShard(shard(['running', 'committed']), view({ doubtful: ({ state }) => state === 'running' }));
    expect(needs).toMatchObject({ ...idle, copies: 1, role: 'hedge' });
  });

  it('asks a tie-breaker, who is not told, after a disagreement', () => {
    const needs = decideShard(shard(['revealed', 'revealed'], { target: 3, disagreements: 1 }), view());
    expect(needs).toMatchObject({ ...idle, copies: 1, role: 'tie-breaker' });
  });

  it('loses who is beyond hope, and asks another', () => {
    const needs = decideShard(shard(['running', 'committed']), view({ hopeless: ({ state }) => state === 'running' }));
    expect(needs).toMatchObject({ copies: 1, role: 'copy', lose: [{ state: 'running' }] });
  });

  it('does not count attempts that never reached their provider', () => {
    const it = shard(['lost', 'lost', 'lost', 'lost', 'lost', 'committed']);
    expect(decideShard(it, view({ attemptsMax: 6 })).copies).toBe(0);
    for (const replica of it.replicas) if (replica.state === 'lost') replica.taken = false;
    expect(decideShard(it, view({ attemptsMax: 6 }))).toMatchObject({ copies: 1, exhausted: null });
  });

  it('makes do with a quorum when no attempts are left, and is exhausted without one', () => {
    const policy = { ...two, copies: 3 };
    const last = (states: ReplicaState[]) =>
      decideShard(shard(states, { target: 3 }), view({ policy, attemptsMax: states.length }));
    expect(last(['failed', 'committed', 'running'])).toMatchObject(idle);
    expect(last(['failed', 'committed', 'committed'])).toMatchObject({ reveal: [{}, {}] });
    expect(last(['failed', 'revealed', 'revealed'])).toMatchObject({ judge: true });
    expect(last(['failed', 'failed', 'revealed'])).toMatchObject({ exhausted: { code: 'no-capacity' } });
  });

  it('does not ask for ever those who decline', () => {
    const states: ReplicaState[] = Array.from({ length: 120 }, () => 'declined');
    expect(decideShard(shard(states), view()).exhausted).not.toBeNull();
  });
});

describe('a shard with one copy that is checked', () => {
  const checked = { audit: 'adaptive', target: 2 } as const;
  const needsOf = (states: readonly ReplicaState[], change: Partial<Shard>, cancelling = false) =>
    decideShard(shard(states, change), view({ policy: adaptive, cancelling }));

  it('is judged alone first: whether it is checked is drawn there', () => {
    expect(needsOf(['revealed'], { target: 1 })).toMatchObject({ ...idle, judge: true });
  });

  it('wants a validator, then a tie-breaker', () => {
    expect(needsOf(['revealed'], checked)).toMatchObject({ ...idle, copies: 1, role: 'validator' });
    const disagreed = { ...checked, target: 3, disagreements: 1 };
    expect(needsOf(['revealed', 'revealed'], disagreed)).toMatchObject({ ...idle, copies: 1, role: 'tie-breaker' });
  });

  it('counts what was accepted before it was opened again', () => {
    expect(needsOf(['accepted'], checked)).toMatchObject({ ...idle, copies: 1, role: 'validator' });
    expect(needsOf(['accepted', 'revealed'], checked)).toMatchObject({ ...idle, judge: true });
  });

  it('has its old answer back where it cannot be checked', () => {
    const before = { how: 'unchecked-by-policy', outputsHash: 'o' } as const;
    const failed: ReplicaState[] = ['accepted', 'failed', 'failed', 'failed', 'failed', 'failed'];
    expect(needsOf(failed, { ...checked, before })).toMatchObject({ ...idle, restore: true });
    expect(needsOf(['accepted'], { ...checked, before }, true)).toMatchObject({ ...idle, restore: true });
    expect(needsOf(['revealed'], checked, true)).toMatchObject({ ...idle, cancelled: true });
  });
});

describe('a job that is cancelled', () => {
  it.each<[string, ReplicaState[], object]>([
    ['cancels who works, before anything else', ['running', 'committed'], { cancel: [{ state: 'running' }] }],
    ['still takes what is committed often enough', ['committed', 'committed'], { reveal: [{}, {}] }],
    ['still judges what was revealed', ['revealed', 'revealed'], { judge: true }],
    ['judges the copies of a tie-break', ['revealed', 'revealed', 'revealed'], { judge: true }],
    ['ends shards that have too little', ['committed'], { cancelled: true }],
    ['ends shards that have nothing', [], { cancelled: true }],
  ])('%s', (_, states, expected) => {
    const isTie = states.length === 3;
    const it = shard(states, isTie ? { target: 3, disagreements: 1 } : {});
    expect(decideShard(it, view({ cancelling: true }))).toMatchObject({ ...idle, ...expected });
  });

  it('does not judge again what has disagreed', () => {
    const it = shard(['revealed', 'revealed'], { target: 3, disagreements: 1 });
    expect(decideShard(it, view({ cancelling: true }))).toMatchObject({ ...idle, cancelled: true });
  });

  it('takes the one copy of the own node', () => {
    const own = shard([], { target: 1, replicas: [replica('committed', 'own-node')] });
    expect(decideShard(own, view({ cancelling: true }))).toMatchObject({ reveal: [{}] });
  });

  it('reveals and judges nothing when its template or inputs are gone', () => {
    const blind = view({ cancelling: true, canJudge: false });
    expect(decideShard(shard(['committed', 'committed']), blind)).toMatchObject({ ...idle, cancelled: true });
    const over = decideShard(shard(['committed', 'revealed', 'accepted'], { state: 'accepted' }), blind);
    expect(over).toMatchObject({ ...idle, undecided: [{}, {}] });
  });
});

describe('a closed shard', () => {
  it.each<[Shard['state'], object]>([
    ['accepted', { cancel: [{ state: 'running' }], reveal: [{ state: 'committed' }], late: [{ state: 'revealed' }] }],
    ['exhausted', { cancel: [{ state: 'running' }], undecided: [{ state: 'committed' }, { state: 'revealed' }] }],
    ['cancelled', { cancel: [{ state: 'running' }], undecided: [{ state: 'committed' }, { state: 'revealed' }] }],
  ])('%s ends what is left', (state, expected) => {
    const needs = decideShard(shard(['running', 'committed', 'revealed', 'accepted'], { state }), view());
    expect(needs).toMatchObject({ ...idle, ...expected });
  });
});

describe('for any shard', () => {
  const anyCase = fc.record({
    state: fc.constantFrom<Shard['state']>('open', 'accepted', 'exhausted', 'cancelled'),
    states: fc.array(fc.constantFrom(...replicaStates.filter((state) => state !== 'queued')), { maxLength: 8 }),
    copies: fc.integer({ min: 1, max: 4 }),
    disagreements: fc.integer({ min: 0, max: 2 }),
    attemptsMax: fc.integer({ min: 4, max: 8 }),
    cancelling: fc.boolean(),
    canJudge: fc.boolean(),
    isReopened: fc.boolean(),
    doubt: fc.integer({ min: 0, max: 255 }),
    despair: fc.integer({ min: 0, max: 255 }),
  });

  it('needs are legal, bounded, and never nothing while nobody else has to act', () => {
    fc.assert(
      fc.property(
        anyCase,
        ({ state, states, copies, disagreements, attemptsMax, cancelling, canJudge, isReopened, doubt, despair }) => {
          const quorum = Math.floor(copies / 2) + 1;
          const policy: VerificationPolicy = { type: 'replicate', copies, quorum, tieBreakers: 2 };
          const before = isReopened ? ({ how: 'unchecked-by-policy', outputsHash: 'o' } as const) : null;
          const it = shard(states, { state, target: copies + disagreements, disagreements, before });
          const bit = (bits: number) => (one: Replica) => ((bits >> it.replicas.indexOf(one)) & 1) === 1;
          const needs = decideShard(
            it,
            view({ policy, attemptsMax, cancelling, canJudge, doubtful: bit(doubt), hopeless: bit(despair) }),
          );
          const has = (...wanted: ReplicaState[]) => it.replicas.filter((one) => wanted.includes(one.state));
          const within = (some: readonly Replica[], all: readonly Replica[]) => some.every((one) => all.includes(one));

          // Each effect is legal in the replica's state machine.
          expect(within(needs.lose, has('assigned', 'running', 'committed').filter(bit(despair)))).toBe(true);
          expect(within(needs.cancel, has('assigned', 'running'))).toBe(true);
          expect(within(needs.reveal, has('committed'))).toBe(true);
          expect(within(needs.late, has('revealed'))).toBe(true);
          expect(within(needs.undecided, has('committed', 'revealed'))).toBe(true);
          const ids = [...needs.lose, ...needs.cancel, ...needs.reveal, ...needs.late, ...needs.undecided];
          expect(new Set(ids).size).toBe(ids.length);

          // Bounded attempts, and none for a shard that is closed or cancelled.
          const attempts = it.replicas.filter((one) => one.state !== 'declined').length;
          expect(needs.copies).toBeLessThanOrEqual(Math.max(0, attemptsMax - attempts));
          if (state !== 'open' || cancelling) expect(needs.copies).toBe(0);

          // Nobody reveals before all have committed, unless there is nobody left to wait for.
          const left = it.replicas.filter((one) => !needs.lose.includes(one));
          const shown = left.filter((one) => one.state === 'committed' || hasVoice(one)).length;
          const working = left.filter((one) => one.state === 'assigned' || one.state === 'running').length;
          if (state === 'open' && (needs.reveal.length > 0 || needs.judge)) {
            expect(shown >= it.target || (working === 0 && shown >= quorum)).toBe(true);
          }
          if (needs.judge) expect([state, it.replicas.filter(hasVoice).length >= quorum]).toEqual(['open', true]);
          if (needs.late.length > 0) expect(state).toBe('accepted');
          if (needs.undecided.length > 0) expect(state !== 'open').toBe(true);
          if (needs.exhausted !== null || needs.cancelled)
            expect([state, working, isReopened]).toEqual(['open', 0, false]);
          if (needs.restore) expect([state, working, isReopened]).toEqual(['open', 0, true]);
          if (!canJudge && cancelling) expect([needs.judge, needs.reveal.length]).toEqual([false, 0]);

          // Somebody has to act: we, or a provider that we still have hope for.
          const acts =
            ids.length > 0 ||
            needs.copies > 0 ||
            needs.judge ||
            needs.exhausted !== null ||
            needs.restore ||
            needs.cancelled ||
            working > 0;
          const isOver = isFinalShard(it) && !it.replicas.some(isActive);
          const waits = state === 'open' && left.some((one) => one.state === 'committed') && working > 0;
          if (isOver) expect(needs).toMatchObject(idle);
          else expect(acts || waits).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
