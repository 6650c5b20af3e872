import type { Clock } from './clock.ts';
import type { Executor } from './executor.ts';
import type { Host } from './host.ts';
import type { Logger } from './logger.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Signer, Verifier } from './signer.ts';
import type { Store } from './store.ts';

/** What `createNode` is handed besides its config. */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly store: Store;
  readonly executor: Executor;
  readonly log: Logger;
  readonly host?: Host;
}
