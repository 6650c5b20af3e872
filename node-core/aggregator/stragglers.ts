/** Stragglers: replicas that take much longer than the job's others. Slow is no fault; it is hedged. */
import type { NodeConfig } from '../config/schema.ts';
import type { Clock } from '../ports/index.ts';
import type { ReplicaId } from '../protocol/index.ts';
import type { Replica } from './state.ts';

const samplesMin = 3;
const samplesMax = 101;

export class Stragglers {
  readonly #clock: Clock;
  readonly #config: Pick<NodeConfig['aggregator'], 'stragglerFactorPercent' | 'stragglerMs'>;
  readonly #beganAt = new Map<ReplicaId, number>();
  /** Recent durations, ms. */
  readonly #took: number[] = [];
  #median = 0;

  constructor(clock: Clock, config: Pick<NodeConfig['aggregator'], 'stragglerFactorPercent' | 'stragglerMs'>) {
    this.#clock = clock;
    this.#config = config;
  }

  began(replica: Replica): void {
    if (!this.#beganAt.has(replica.replicaId)) this.#beganAt.set(replica.replicaId, this.#clock.elapsed());
  }

  ended(replica: Replica): void {
    const began = this.#beganAt.get(replica.replicaId);
    if (began === undefined) return;
    this.#beganAt.delete(replica.replicaId);
    this.#took.push(this.#clock.elapsed() - began);
    if (this.#took.length > samplesMax) this.#took.shift();
    const sorted = [...this.#took].sort((a, b) => a - b);
    this.#median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  }

  isSlow(replica: Replica): boolean {
    const began = this.#beganAt.get(replica.replicaId);
    if (began === undefined || this.#took.length < samplesMin) return false;
    const { stragglerMs, stragglerFactorPercent } = this.#config;
    return this.#clock.elapsed() - began > Math.max(stragglerMs, (this.#median * stragglerFactorPercent) / 100);
  }
}
