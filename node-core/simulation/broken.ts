/** What broke, in which node, at which virtual time. */
export class Broken extends Error {
  override readonly name = 'Broken';
  readonly invariant: string;
  readonly node: string;
  readonly elapsedMs: number;
  readonly what: string;

  /** @param invariant `I1` … `I10` of the design, or what else a node must never do. */
  constructor(invariant: string, node: string, elapsedMs: number, what: string) {
    super(`${invariant} broke in ${node} at ${(elapsedMs / 1000).toFixed(3)} s: ${what}`);
    this.invariant = invariant;
    this.node = node;
    this.elapsedMs = elapsedMs;
    this.what = what;
  }
}
