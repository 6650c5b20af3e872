/** Everything that `createNode` needs from the world, as interfaces. Real adapters: `adapters.ts`; others: `simulation/`. */
export type * from './clock.ts';
export type * from './executor.ts';
export type * from './host.ts';
export type * from './logger.ts';
export type * from './network.ts';
export type * from './ports.ts';
export type * from './random.ts';
export type * from './signer.ts';
export type * from './store.ts';
