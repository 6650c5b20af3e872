export { MessageRefused, PeerUnreachable } from './errors.ts';
export { Messenger } from './messenger.ts';
