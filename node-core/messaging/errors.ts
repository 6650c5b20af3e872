import type { WireErrorCode } from '../protocol/index.ts';

/** A peer could not be asked, or did not answer in time. */
export class PeerUnreachable extends Error {
  override readonly name = 'PeerUnreachable';
}

/** A peer refused a message with an `error`; thrown by a handler, it is what the sender gets. */
export class MessageRefused extends Error {
  override readonly name = 'MessageRefused';
  readonly code: WireErrorCode;
  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
