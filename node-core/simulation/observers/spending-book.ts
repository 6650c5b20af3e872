/** What a node spends in a day and at each peer, folded once more from its log: I5 for the owner's caps, at each reservation. */
import type { LogEntry, Micro, PeerId, ReplicaId } from '../../protocol/index.ts';
import type { Fault } from './fault.ts';

/** As its owner has set them now. */
export interface Caps {
  readonly dayMicroMax: Micro | null;
  readonly peerDayMicroMax: Micro | null;
}

const dayMs = 24 * 3_600_000;

export class SpendingBook {
  /** Reserved, and neither paid nor released. */
  readonly #reserved = new Map<ReplicaId, { peer: PeerId; priceMicro: bigint }>();
  readonly #spent = new Map<PeerId, bigint>();
  #day = 0;
  readonly #fault: Fault;
  readonly #caps: Caps;

  /** @param caps read anew each time: owners change them while the node runs. */
  constructor(fault: Fault, caps: Caps) {
    this.#fault = fault;
    this.#caps = caps;
  }

  take({ at, event }: LogEntry): void {
    switch (event.type) {
      case 'payment.reserved': {
        const { replicaId, peer } = event;
        this.#reserved.set(replicaId, { peer, priceMicro: BigInt(event.priceMicro) });
        this.#turnTo(at);
        const { dayMicroMax, peerDayMicroMax } = this.#caps;
        this.#check(
          `${replicaId}, all peers`,
          dayMicroMax,
          this.#outMicro(() => true),
        );
        this.#check(
          `${replicaId}, ${peer}`,
          peerDayMicroMax,
          this.#outMicro((other) => other === peer),
        );
        break;
      }
      case 'payment.released':
        this.#reserved.delete(event.replicaId);
        break;
      case 'payment.paid': {
        const { replicaId, peer } = event;
        this.#turnTo(at);
        this.#reserved.delete(replicaId);
        this.#spent.set(peer, (this.#spent.get(peer) ?? 0n) + BigInt(event.priceMicro));
        break;
      }
    }
  }

  #turnTo(at: number): void {
    const day = Math.floor(at / dayMs);
    // A clock that is set back gives no second day.
    if (day <= this.#day) return;
    this.#day = day;
    this.#spent.clear();
  }

  #outMicro(isMeant: (peer: PeerId) => boolean): bigint {
    let sum = 0n;
    for (const [peer, micro] of this.#spent) if (isMeant(peer)) sum += micro;
    for (const { peer, priceMicro } of this.#reserved.values()) if (isMeant(peer)) sum += priceMicro;
    return sum;
  }

  #check(what: string, max: Micro | null, outMicro: bigint): void {
    if (max !== null && outMicro > BigInt(max))
      this.#fault('I5', `${what}: ${outMicro} are spent and set aside today, and the cap is ${max}`);
  }
}
