/** Tokens of one item as one provider has streamed them: each piece checked at the door. */
import {
  isSigned,
  type MessageBody,
  type PeerId,
  protocolLimits,
  RunningHash,
  type SignedStreamHead,
  toStreamHead,
  type VerifiesBytes,
} from '../protocol/index.ts';

const tokensMax = 65_536;

/** What an answer begins with; the tokens of another provider where it is a forced prefix. */
export interface Text {
  readonly tokens: readonly number[];
  readonly text: string;
}

export const nothing: Text = { tokens: [], text: '' };

export class StreamedItem {
  /** All, the forced prefix among them. */
  readonly tokens: number[];
  text: string;
  /** Letters of the prefix, which are not this provider's. */
  readonly given: number;
  /** Its last signed word on what it has shown. */
  signed: SignedStreamHead | null = null;
  readonly #hash: RunningHash;

  constructor(itemSalt: string, item: number, prefix: Text) {
    this.tokens = [...prefix.tokens];
    this.text = prefix.text;
    this.given = prefix.text.length;
    this.#hash = new RunningHash(itemSalt, item).push(prefix.tokens, '');
  }

  /**
   * Takes a piece: the next, or all over again after a break of the channel. What comes too early is left out: it was sent
   * over a channel that broke, and is said again.
   * @returns what is wrong with it; null when it is taken, or not needed.
   */
  take(by: PeerId, verifier: VerifiesBytes, body: MessageBody<'shard.token'>): string | null {
    const { replicaId, item, index, letters, runningHash, signature } = body;
    const own = this.text.length - this.given;
    if (index > this.tokens.length || letters > own) return null;
    const known = this.tokens.slice(index);
    const knownText = this.text.slice(this.given + letters);
    const isRepeated = known.every((token, i) => i >= body.tokens.length || token === body.tokens[i]);
    const isSameText = knownText.startsWith(body.text) || body.text.startsWith(knownText);
    if (!isRepeated || !isSameText) return 'it says something else than before';
    const tokens = body.tokens.slice(known.length);
    const text = body.text.slice(knownText.length);
    if (tokens.length === 0 && text.length === 0) return null;
    // A part of it is known, and more is known than it ends with: the running hash is of another place.
    if (index + body.tokens.length < this.tokens.length || letters + body.text.length < own) return null;
    if (
      this.tokens.length + tokens.length > tokensMax ||
      this.text.length + text.length > protocolLimits.inlineBytesMax
    )
      return 'it is longer than an answer may be';
    const head = this.#hash.push(tokens, text).head();
    if (head !== runningHash) return 'the running hash is of other tokens';
    const shown = { item, tokens: this.tokens.length + tokens.length, letters: own + text.length, head };
    const signed = { body: toStreamHead(replicaId, shown), by, signature };
    if (!isSigned(verifier, 'stream', signed)) return 'its signature does not verify';
    for (const token of tokens) this.tokens.push(token);
    this.text += text;
    this.signed = signed;
    return null;
  }
}

export function beginsWith(whole: Text, beginning: Text): boolean {
  return (
    beginning.tokens.length <= whole.tokens.length &&
    whole.text.startsWith(beginning.text) &&
    beginning.tokens.every((token, i) => token === whole.tokens[i])
  );
}
