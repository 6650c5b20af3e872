/** What the store allows itself. Every one can be set by `createSqliteStore({ limits })`. */
export interface StoreLimits {
  /** Bytes that may wait for the writer; a call above it is refused instead of filling the memory. Default 256 MiB. */
  readonly queueBytesMax: number;
  /** Bytes of one transaction; more waiting calls go into the next one. Default 8 MiB. */
  readonly groupBytesMax: number;
  /** Bytes of one blob. Default 128 MiB. */
  readonly blobBytesMax: number;
  /** Bytes of blobs kept in memory after they were written: most are read once, soon after. Default 16 MiB. */
  readonly recentBlobBytesMax: number;
  /** Rows of one answer of the history; a larger `limit` in a query is lowered to it. Default 10,000. */
  readonly pageRowsMax: number;
}

export const defaultLimits: StoreLimits = {
  queueBytesMax: 256 * 1024 * 1024,
  groupBytesMax: 8 * 1024 * 1024,
  blobBytesMax: 128 * 1024 * 1024,
  recentBlobBytesMax: 16 * 1024 * 1024,
  pageRowsMax: 10_000,
};
