import type { Journal } from '../journal/index.ts';
import type { Messenger } from '../messaging/index.ts';
import type { Clock, Logger, Signer, Verifier } from '../ports/index.ts';
import type {
  BadReceipt,
  EventOf,
  GoodReceipt,
  NodeEvent,
  PeerId,
  ReceiptBody,
  ReplicaId,
  z,
} from '../protocol/index.ts';
import type { Score } from './scores.ts';

export interface ReputationOptions {
  readonly journal: Journal;
  readonly messenger: Messenger;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a good receipt says; version, client, kind and time are added. */
export type GoodWork = Omit<z.infer<typeof GoodReceipt>, 'v' | 'kind' | 'client' | 'at'>;
/** What a bad receipt says, with its evidence. */
export type BadWork = Omit<z.infer<typeof BadReceipt>, 'v' | 'kind' | 'client' | 'at'>;

const inWork = (): never => {
  throw new Error('reputation: in work');
};

export class Reputation {
  /** Provider: is this receipt about work that this node did so? Set by the provider room; until then nothing is signed. */
  isOurWork: (body: ReceiptBody) => boolean = () => false;

  constructor(_options: ReputationOptions) {}

  /** Signs, asks the provider to countersign, stores. Never rejects: what cannot be had now is asked for once more when the peer comes up. */
  good(_work: GoodWork): Promise<void> {
    return inWork();
  }
  /** @param reason for people; of the `peer.penalised` event. */
  bad(_work: BadWork, _reason: string): NodeEvent[] {
    return inWork();
  }
  note(_peer: PeerId, _what: EventOf<'reputation.noted'>['what'], _replicaId: ReplicaId): NodeEvent[] {
    return inWork();
  }
  scoreOf(_peer: PeerId): Score {
    return inWork();
  }
}
