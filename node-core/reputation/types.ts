/** The section `reputation` of the node's config; what each setting means and its default is written there. */
export interface ReputationConfig {
  readonly gossip: boolean;
  readonly batchMs: number;
  readonly meetMs: number;
  readonly receiptsMax: number;
  readonly receiptsPerSignerMax: number;
  readonly receiptsPerProviderMax: number;
  readonly bytesPerDayMax: number;
  readonly bytesPerSignerPerDayMax: number;
}
