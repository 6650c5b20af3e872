/** Chance. The real adapter is cryptographically strong: ids and salts are made from it. */
export interface Random {
  bytes(count: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}
