/** One honest node, as the observers see it: its disk, and what they read from its log. */
import type { NodeConfig } from '../../config/schema.ts';
import type { LogEntry, PeerId, VerifiesBytes } from '../../protocol/index.ts';
import { Broken } from '../broken.ts';
import type { Disk } from '../disk.ts';
import { ClientBook } from './client-book.ts';
import type { CreditFacts, CreditRules } from './credit.ts';
import type { Fault } from './fault.ts';
import { ProviderBook } from './provider-book.ts';
import { SpendingBook } from './spending-book.ts';

export interface SubjectOptions {
  readonly name: string;
  readonly peerId: PeerId;
  readonly disk: Disk;
  readonly config: NodeConfig;
  readonly verifier: VerifiesBytes;
  elapsedMs(): number;
}

/** As its owner set them. */
export function creditRulesOf({ provider }: NodeConfig): CreditRules {
  return {
    creditLimitMicro: BigInt(provider.creditLimitMicro),
    creditLimitMaxMicro: BigInt(provider.creditLimitMaxMicro),
    creditEarnedPercent: BigInt(provider.creditEarnedPercent),
    itemsPerShardMax: provider.itemsPerShardMax,
  };
}

export class Subject {
  readonly name: string;
  readonly peerId: PeerId;
  readonly disk: Disk;
  readonly config: NodeConfig;
  readonly fault: Fault;
  client: ClientBook;
  provider: ProviderBook;
  #spending: SpendingBook;
  /** Highest sequence of each peer's record that this process believed. */
  readonly believed = new Map<PeerId, number>();
  /** When its disk was replaced; what it knew of others before comes back when they meet again. */
  forgotAtMs = Number.NEGATIVE_INFINITY;
  /** When it last sent something to a peer. */
  readonly spokeAtMs = new Map<PeerId, number>();
  /** Since when its process runs; null while it is down. */
  upSinceMs: number | null = null;
  readonly #options: SubjectOptions;
  /** Of this node's clients, by the wire. */
  readonly credit: { quotedMicro(client: PeerId): bigint; boundMicro(client: PeerId): bigint };

  /** @param credit what all nodes said to each other about it. */
  constructor(options: SubjectOptions, credit: CreditFacts) {
    this.#options = options;
    this.name = options.name;
    this.peerId = options.peerId;
    this.disk = options.disk;
    this.config = options.config;
    const rules = creditRulesOf(options.config);
    this.credit = {
      quotedMicro: (client) => credit.quotedMicro(options.peerId, client),
      boundMicro: (client) => credit.boundMicro(options.peerId, client, rules),
    };
    this.fault = (invariant, what) => {
      throw new Broken(invariant, this.name, options.elapsedMs(), what);
    };
    this.client = this.#clientBook();
    this.provider = this.#providerBook();
    this.#spending = new SpendingBook(this.fault, options.config.spending);
  }

  take(entries: readonly LogEntry[]): void {
    const now = this.#options.elapsedMs();
    for (const entry of entries) {
      this.client.take(entry, now);
      this.provider.take(entry, now);
      this.#spending.take(entry);
    }
  }

  /** The disk lost entries: read it anew. */
  reread(): void {
    this.client = this.#clientBook();
    this.provider = this.#providerBook();
    this.#spending = new SpendingBook(this.fault, this.config.spending);
    this.take(this.disk.entries());
  }

  #clientBook(): ClientBook {
    return new ClientBook(this.fault, this.#options.verifier, this.peerId);
  }

  #providerBook(): ProviderBook {
    const { strangersPerHourMicro, queueMax, inFlightPerClientMax } = this.config.provider;
    return new ProviderBook(this.fault, {
      ownPeer: this.peerId,
      strangersPerHourMicro: BigInt(strangersPerHourMicro),
      ...this.credit,
      queueMax,
      inFlightPerClientMax,
    });
  }
}
