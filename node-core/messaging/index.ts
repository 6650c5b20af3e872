export { MessageRefused, PeerUnreachable } from './errors.ts';
export { Messenger, type MessengerOptions } from './messenger.ts';
