/** One honest node, as the observers see it: its disk, and what they read from its log. */
import type { NodeConfig } from '../../config/schema.ts';
import type { LogEntry, PeerId, VerifiesBytes } from '../../protocol/index.ts';
import { Broken } from '../broken.ts';
import type { Disk } from '../disk.ts';
import { ClientBook } from './client-book.ts';
import type { Fault } from './fault.ts';
import { ProviderBook } from './provider-book.ts';

export interface SubjectOptions {
  readonly name: string;
  readonly peerId: PeerId;
  readonly disk: Disk;
  readonly config: NodeConfig;
  readonly verifier: VerifiesBytes;
  elapsedMs(): number;
}

export class Subject {
  readonly name: string;
  readonly peerId: PeerId;
  readonly disk: Disk;
  readonly config: NodeConfig;
  readonly fault: Fault;
  client: ClientBook;
  provider: ProviderBook;
  /** Highest sequence of each peer's record that this process believed. */
  readonly believed = new Map<PeerId, number>();
  /** Since when its process runs; null while it is down. */
  upSinceMs: number | null = null;
  readonly #options: SubjectOptions;

  constructor(options: SubjectOptions) {
    this.#options = options;
    this.name = options.name;
    this.peerId = options.peerId;
    this.disk = options.disk;
    this.config = options.config;
    this.fault = (invariant, what) => {
      throw new Broken(invariant, this.name, options.elapsedMs(), what);
    };
    this.client = this.#clientBook();
    this.provider = this.#providerBook();
  }

  take(entries: readonly LogEntry[]): void {
    const now = this.#options.elapsedMs();
    for (const entry of entries) {
      this.client.take(entry, now);
      this.provider.take(entry, now);
    }
  }

  /** The disk lost entries: read it anew. */
  reread(): void {
    this.client = this.#clientBook();
    this.provider = this.#providerBook();
    this.take(this.disk.entries());
  }

  #clientBook(): ClientBook {
    return new ClientBook(this.fault, this.#options.verifier);
  }

  #providerBook(): ProviderBook {
    const { creditLimitMicro, queueMax, inFlightPerClientMax } = this.config.provider;
    return new ProviderBook(this.fault, {
      ownPeer: this.peerId,
      creditLimitMicro: BigInt(creditLimitMicro),
      queueMax,
      inFlightPerClientMax,
    });
  }
}
