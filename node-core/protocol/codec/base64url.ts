/** base64url without padding (RFC 4648 §5), through multiformats, which works in Node, browsers and Hermes alike. */
import { base64url } from 'multiformats/bases/base64';

export function toBase64Url(bytes: Uint8Array): string {
  return base64url.baseEncode(bytes);
}

/** @throws Error when the text is not base64url. */
export function fromBase64Url(text: string): Uint8Array {
  return base64url.baseDecode(text);
}
