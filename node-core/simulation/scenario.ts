import type { Simulation } from './simulation.ts';

/** A short script of what happens to a network. What must hold in every one of them, the observers know. */
export interface Scenario {
  /** As `--scenario` takes it; also the name of its file. */
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /** It makes no sense with fewer. */
  readonly nodesMin: number;
  /** More would make it no better, only slower; the rest of `--nodes` is left out. Default: none. */
  readonly nodesMax?: number;
  /** So many seeds in a row walk over everything: `--all` runs no fewer. */
  readonly seedsMin?: number;
  /** An hour of virtual time instead of minutes: fewer seeds of it are run. */
  readonly isLong?: boolean;
  /** Only run by its name. */
  readonly isAlone?: boolean;
  play(sim: Simulation): Promise<void>;
}
