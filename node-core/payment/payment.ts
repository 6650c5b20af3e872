import type { Journal } from '../journal/index.ts';
import type { Messenger } from '../messaging/index.ts';
import type { Clock, Logger, Signer, Verifier } from '../ports/index.ts';
import type { Id, Micro, NodeEvent, PeerId, ReplicaId, WalletSummary } from '../protocol/index.ts';

export interface PaymentOptions {
  readonly journal: Journal;
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly log: Logger;
  /** Unpaid work that this node, as a payee, grants each client; hard. */
  readonly creditLimitMicro: Micro;
}

export type Admission =
  | { readonly ok: true; readonly leftMicro: Micro }
  | { readonly ok: false; readonly leftMicro: Micro; readonly message: string };

const inWork = (): never => {
  throw new Error('payment: in work');
};

export class Payment {
  constructor(_options: PaymentOptions) {}

  /** After the network started: sends what was paid but not acknowledged before the last stop. */
  start(): void {}
  /** No more timers and vouchers. */
  stop(): void {}

  reserve(_work: { jobId: Id; replicaId: ReplicaId; payee: PeerId; priceMicro: Micro }): NodeEvent[] {
    return inWork();
  }
  release(_replicaId: ReplicaId, _reason: string): NodeEvent[] {
    return inWork();
  }
  /** Several of one transaction in one call: each payment builds on the one before. */
  pay(..._replicaIds: ReplicaId[]): NodeEvent[] {
    return inWork();
  }
  reservedOf(_jobId: Id): Micro {
    return inWork();
  }
  spentOf(_jobId: Id): Micro {
    return inWork();
  }
  /** After the commit of `pay` is durable. Does not wait. */
  settle(_peer: PeerId): void {}

  creditLimitFor(_client: PeerId): Micro {
    return inWork();
  }
  admits(_client: PeerId, _priceMicro: Micro): Admission {
    return inWork();
  }
  extend(_work: { replicaId: ReplicaId; client: PeerId; priceMicro: Micro }): NodeEvent[] {
    return inWork();
  }
  earn(_replicaId: ReplicaId): NodeEvent[] {
    return inWork();
  }
  drop(_replicaId: ReplicaId, _reason: string): NodeEvent[] {
    return inWork();
  }
  summary(): WalletSummary {
    return inWork();
  }
}
