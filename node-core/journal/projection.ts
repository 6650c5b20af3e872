import type { LogEntry } from '../protocol/index.ts';

/**
 * What a room decides by: a state made of plain JSON that is a function of the log and nothing else. `apply` changes the
 * state in place (copying it for every event would cost more than everything else together); it reads no clock, no
 * chance and no other state, so the same log always gives the same state, and a snapshot of it is its JSON.
 */
export interface Projection<State> {
  /** Unique; key in the snapshot. */
  readonly name: string;
  /** Rises when the form of the state changes: an older snapshot is then dropped and the log read from its start. */
  readonly version: number;
  initial(): State;
  apply(state: State, entry: LogEntry): void;
}

/** A registered projection: read its state, never write it. */
export interface View<State> {
  readonly state: State;
}
