/** What the API answers from: the rooms of one node. */
import type { Aggregator, Known } from '../aggregator/index.ts';
import type { Adoption, NodeConfig, SettingsChange } from '../config/index.ts';
import type { Directory } from '../directory/index.ts';
import type { Journal } from '../journal/index.ts';
import type { Messenger } from '../messaging/index.ts';
import type { Payment } from '../payment/index.ts';
import type { ExecutorInventory, Ports } from '../ports/index.ts';
import type { Pauses, Provider } from '../provider/index.ts';
import type { Checks, Reputation } from '../reputation/index.ts';
import type { EngineLook } from './engine-look.ts';
import type { Vitals } from './vitals.ts';

export type NodeState = 'starting' | 'online' | 'alone' | 'draining' | 'stopped';

export interface Rooms {
  readonly config: NodeConfig;
  readonly ports: Ports;
  readonly version: string;
  readonly journal: Journal;
  readonly messenger: Messenger;
  readonly directory: Directory;
  readonly payment: Payment;
  readonly reputation: Reputation;
  readonly checks: Checks;
  readonly provider: Provider;
  readonly pauses: Pauses;
  readonly aggregator: Aggregator;
  readonly vitals: Vitals;
  readonly engine: EngineLook;
  inventory(): ExecutorInventory;
  known(): Known;
  state(): NodeState;
  startedAt(): number;
  /** Drains and stops the node; the caller does not wait for it. */
  stop(drainMs: number | undefined): void;
  /** The offers changed. */
  announce(): Promise<void>;
  /** Settings that stand in the file otherwise than they are in force. */
  waiting(): Adoption['waiting'];
  /** @throws ApiError */
  saveSettings(change: SettingsChange): Promise<Adoption & { readonly file: string }>;
  /** @throws ApiError */
  recoveryPhrase(): Promise<string>;
}
