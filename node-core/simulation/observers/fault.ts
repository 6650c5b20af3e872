/** Says that something broke; never returns. */
export type Fault = (invariant: string, what: string) => never;
