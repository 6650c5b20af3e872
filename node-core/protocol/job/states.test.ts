import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  IllegalTransition,
  jobMachine,
  jobStates,
  replicaMachine,
  replicaStates,
  shardMachine,
  shardStates,
} from './states.ts';

/** A machine as the tests need it: with names that need not be known at compile time. */
interface Machine {
  name: string;
  table: Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;
  start: string;
  states: readonly string[];
  finals: readonly string[];
  next(state: string, event: string): string;
  allows(state: string, event: string): boolean;
  isFinal(state: string): boolean;
}

function widen<State extends string, Event extends string>(
  name: string,
  machine: {
    table: { readonly [S in State]: { readonly [E in Event]?: State } };
    next(state: State, event: Event): State;
    allows(state: State, event: Event): boolean;
    isFinal(state: State): boolean;
  },
  states: readonly State[],
  finals: readonly State[],
): Machine {
  const isState = (state: string): state is State => Object.hasOwn(machine.table, state);
  const isEvent = (event: string): event is Event => eventsOf(machine.table).includes(event);
  const call = <T>(state: string, event: string, then: (state: State, event: Event) => T): T => {
    if (!isState(state) || !isEvent(event)) throw new Error(`${name} knows no ${state} or ${event}`);
    return then(state, event);
  };
  return {
    name,
    table: machine.table,
    start: states[0] ?? '',
    states,
    finals,
    next: (state, event) => call(state, event, machine.next),
    allows: (state, event) => call(state, event, machine.allows),
    isFinal: (state) => isState(state) && machine.isFinal(state),
  };
}

const machines = [
  widen('job', jobMachine, jobStates, ['done', 'failed', 'cancelled']),
  widen('shard', shardMachine, shardStates, ['exhausted', 'cancelled']),
  widen('replica', replicaMachine, replicaStates, [
    'accepted',
    'rejected',
    'undecided',
    'superseded',
    'declined',
    'failed',
    'cancelled',
    'lost',
  ]),
];

function eventsOf(table: Readonly<Record<string, object>>): string[] {
  return [...new Set(Object.values(table).flatMap((row) => Object.keys(row)))];
}

describe.each(machines)('the $name machine', (machine) => {
  const events = eventsOf(machine.table);

  it('has a row for each state, and leads to states that it has', () => {
    expect(Object.keys(machine.table).sort()).toEqual([...machine.states].sort());
    for (const row of Object.values(machine.table)) {
      for (const to of Object.values(row)) expect(machine.states).toContain(to);
    }
  });

  it('makes every transition of its table, and throws for every other pair', () => {
    for (const state of machine.states) {
      for (const event of events) {
        const to = machine.table[state]?.[event];
        expect(machine.allows(state, event)).toBe(to !== undefined);
        if (to === undefined) expect(() => machine.next(state, event)).toThrow(IllegalTransition);
        else expect(machine.next(state, event)).toBe(to);
      }
    }
  });

  it('has the final states of the design, and no other', () => {
    expect(machine.states.filter((state) => machine.isFinal(state)).sort()).toEqual([...machine.finals].sort());
    for (const state of machine.finals) {
      for (const event of events) expect(machine.allows(state, event)).toBe(false);
    }
  });

  it('reaches every state from the first, and a final one from every state', () => {
    const reach = (from: string): Set<string> => {
      const seen = new Set([from]);
      for (const state of seen) for (const to of Object.values(machine.table[state] ?? {})) if (to) seen.add(to);
      return seen;
    };
    expect([...reach(machine.start)].sort()).toEqual([...machine.states].sort());
    for (const state of machine.states) {
      expect([...reach(state)].some((to) => machine.isFinal(to))).toBe(true);
    }
  });

  it('ends on any walk, and never leaves a final state', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (walk) => {
        let state = machine.start;
        let steps = 0;
        for (const event of walk) {
          // The one way back: a shard is opened again once at most, by who decides it.
          if (event === 'reopen' || !machine.allows(state, event)) continue;
          expect(machine.isFinal(state)).toBe(false);
          state = machine.next(state, event);
          steps++;
        }
        // No cycles: each state is visited once at most.
        expect(steps).toBeLessThan(machine.states.length);
      }),
    );
  });
});

describe('replicas', () => {
  it('are accepted only after a commitment and a reveal', () => {
    const into = (to: string) =>
      replicaStates.filter((from) => Object.values(replicaMachine.table[from]).some((s) => s === to));
    expect(into('accepted')).toEqual(['revealed']);
    expect(into('revealed')).toEqual(['committed']);
  });

  it('that have committed cannot be cancelled: they are judged, or lost', () => {
    expect(replicaMachine.allows('committed', 'cancel')).toBe(false);
    expect(replicaMachine.allows('revealed', 'cancel')).toBe(false);
    expect(replicaMachine.allows('revealed', 'lose')).toBe(false);
  });

  it('name the machine, the state and the event of an illegal transition', () => {
    expect(() => replicaMachine.next('accepted', 'reject')).toThrow('replica: no transition from accepted by reject');
  });
});
