/** What brings texts to the node and back. The page knows two: the bridge of the desktop window, and a WebSocket on loopback. */
export interface Carrier {
  open(handlers: CarrierHandlers): Line;
}

export interface CarrierHandlers {
  /** The node lets us in: requests may follow. */
  ready(): void;
  text(text: string): void;
  /** Once, also when it never was ready. */
  closed(end: LineEnd): void;
}

export interface Line {
  send(text: string): void;
  close(): void;
}

export interface LineEnd {
  readonly reason: string;
  /** The node is there and does not let us in: trying again is of no use. */
  readonly refused: boolean;
}
