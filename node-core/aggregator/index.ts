export { Aggregator } from './aggregator.ts';
export type { Known, KnownTemplate } from './context.ts';
export type { Job, Replica } from './state.ts';
