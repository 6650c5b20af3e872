/** What the parts of the aggregator share. */
import type { NodeConfig } from '../config/schema.ts';
import type { Directory } from '../directory/index.ts';
import type { Journal, View } from '../journal/index.ts';
import type { Messenger } from '../messaging/index.ts';
import type { Payment } from '../payment/index.ts';
import type { Clock, Logger, Random, Signer, Store, Verifier } from '../ports/index.ts';
import type { Cid, JsonSchemaCheck, ModelInfo, ReplicaId, ShardId, StreamItem, Template } from '../protocol/index.ts';
import type { Checks, Reputation } from '../reputation/index.ts';
import type { Canaries } from './canaries.ts';
import type { Liveness } from './liveness.ts';
import type { QuoteBook } from './quote-book.ts';
import type { AggregatorState } from './state.ts';
import type { Turns } from './turns.ts';

/** A template as the client side needs it. */
export interface KnownTemplate {
  readonly template: Template;
  /** Models known to work with it, the default first. */
  readonly models: readonly Cid[];
  readonly checkParams: JsonSchemaCheck;
  readonly checkInput: JsonSchemaCheck;
  readonly checkOutput: JsonSchemaCheck;
}

export interface Known {
  readonly templates: ReadonlyMap<Cid, KnownTemplate>;
  readonly models: ReadonlyMap<Cid, ModelInfo>;
}

/** What the owner of a job is shown of its answers while they are made. */
export type Shows = Extract<StreamItem, { kind: 'token' | 'restarted' }>;

export interface AggregatorContext {
  readonly journal: Journal;
  readonly messenger: Messenger;
  readonly payment: Payment;
  readonly reputation: Reputation;
  readonly directory: Directory;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly log: Logger;
  readonly config: NodeConfig['aggregator'];
  readonly checks: Checks;
  readonly verification: NodeConfig['verification'];
  readonly view: View<AggregatorState>;
  readonly liveness: Liveness;
  readonly quoteBook: QuoteBook;
  readonly turns: Turns;
  readonly canaries: Canaries;
  /** Something happened to a shard of any job under way. */
  touch(shardId: ShardId): void;
  known(): Known;
  /** Could the own node run this, as a provider? */
  ownServes(template: Cid, model: Cid | null): boolean;
  onProgress(shardId: ShardId, replicaId: ReplicaId, itemsDone: number): void;
  /** What the owner of a job is shown of its answers. */
  onShown(item: Shows): void;
}
