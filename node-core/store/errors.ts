/** Why the store cannot do what it was asked; each kind has its own remedy, which the message names. */
export type StoreErrorKind =
  /** Another process has the folder open. */
  | 'locked'
  /** The disk, or the user's quota on it, is full. */
  | 'full'
  /** The folder or the file cannot be written to. */
  | 'read-only'
  /** What is on the disk is not what was written. */
  | 'corrupt'
  /** The data was written by a later version of Infernet. */
  | 'newer'
  /** Anything else: the disk failed, a limit was exceeded, or the store was used against its contract. */
  | 'io';

/** The one error of the Store port. */
export class StoreError extends Error {
  readonly kind: StoreErrorKind;
  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.kind = kind;
  }
}
