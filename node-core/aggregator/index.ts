export { Aggregator, type AggregatorOptions } from './aggregator.ts';
export type { Known, KnownTemplate } from './context.ts';
export type { Job, Replica, Shard } from './state.ts';
