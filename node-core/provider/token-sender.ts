/**
 * Tokens of one replica on their way to its client, as they come. While one message is under way the tokens gather, so a slow
 * client gets fewer and larger messages, and what waits for it is no more than the answer itself.
 *
 * A piece may be lost with its channel: then, and whenever a new channel comes up, all is said again from the beginning;
 * the client knows its place.
 */
import type { Messenger } from '../messaging/index.ts';
import type { Signer, TokenPiece } from '../ports/index.ts';
import {
  type Json,
  type MessageOf,
  type PeerId,
  type ReplicaId,
  RunningHash,
  type ShownItem,
  signBody,
  toStreamHead,
  z,
} from '../protocol/index.ts';

/** What outputs of templates that stream have. */
const Streamed = z.object({ tokenIds: z.array(z.int()), text: z.string() });

/** Of one message; more waits for the next. */
const tokensMax = 4096;
const lettersMax = 64 * 1024;

export interface TokenSenderOptions {
  readonly messenger: Pick<Messenger, 'deliver'>;
  readonly signer: Signer;
  readonly client: PeerId;
  readonly replicaId: ReplicaId;
  readonly itemSalt: string;
  /** Tokens that the client has shown before, per item. */
  readonly prefixes: readonly (readonly number[])[];
  /** The replica's admission and start are durable: nothing is said before. */
  readonly started: Promise<void>;
}

interface Item {
  /** All tokens, the prefix among them. */
  readonly tokens: number[];
  text: string;
  /** Said so far. */
  told: { tokens: number; letters: number; hash: RunningHash };
  /** The furthest that was ever signed. */
  shown: ShownItem | null;
}

export class TokenSender {
  readonly #o: TokenSenderOptions;
  readonly #items = new Map<number, Item>();
  #isSending = false;
  #isOver = false;

  constructor(options: TokenSenderOptions) {
    this.#o = options;
  }

  push({ item, tokenIds, text }: TokenPiece): void {
    if (this.#isOver) return;
    const known = this.#items.get(item) ?? this.#begin(item);
    for (const id of tokenIds) known.tokens.push(id);
    known.text += text;
    void this.#send();
  }

  /** The client may have missed any of it. */
  again(): void {
    if (this.#isOver) return;
    this.#rewind();
    void this.#send();
  }

  /**
   * No more comes: what waits goes out before whatever is sent next.
   * @returns how far each item was shown, with the running hash of the outputs up to there: for the commitment. Outputs
   * that are not what was shown thereby contradict the heads that were signed.
   */
  end(outputs: readonly Json[]): ShownItem[] {
    if (!this.#isOver) {
      // Told even to a client that is away: the commitment says what was shown at most.
      for (let message = this.#next(); message !== null; message = this.#next()) {
        this.#o.messenger.deliver(this.#o.client, message).catch(() => undefined);
      }
      this.#isOver = true;
    }
    return [...this.#items.values()]
      .flatMap(({ shown, text }) => (shown === null ? [] : [this.#committed(shown, text, outputs[shown.item] ?? null)]))
      .sort((a, b) => a.item - b.item);
  }

  #committed(shown: ShownItem, text: string, output: Json): ShownItem {
    const streamed = Streamed.safeParse(output).data ?? { tokenIds: [], text: '' };
    // How much text belongs to a prefix is not known here: what was shown stands somewhere behind it.
    const from = this.#o.prefixes[shown.item]?.length ? Math.max(0, streamed.text.indexOf(text)) : 0;
    const hash = new RunningHash(this.#o.itemSalt, shown.item).push(
      streamed.tokenIds.slice(0, shown.tokens),
      streamed.text.slice(from, from + shown.letters),
    );
    return { ...shown, head: hash.head() };
  }

  #begin(item: number): Item {
    const tokens = [...(this.#o.prefixes[item] ?? [])];
    const begun: Item = { tokens, text: '', told: this.#start(item), shown: null };
    this.#items.set(item, begun);
    return begun;
  }

  #start(item: number): Item['told'] {
    const prefix = this.#o.prefixes[item] ?? [];
    return { tokens: prefix.length, letters: 0, hash: new RunningHash(this.#o.itemSalt, item).push(prefix, '') };
  }

  #rewind(): void {
    for (const [item, known] of this.#items) known.told = this.#start(item);
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      await this.#o.started;
      for (let message = this.#next(); message !== null && !this.#isOver; message = this.#next()) {
        await this.#o.messenger.deliver(this.#o.client, message);
      }
    } catch {
      // The next token tries again, and so does a channel that comes up.
      this.#rewind();
    } finally {
      this.#isSending = false;
    }
  }

  #next(): MessageOf<'shard.token'> | null {
    for (const [item, known] of this.#items) {
      const { told, tokens, text } = known;
      if (told.tokens === tokens.length && told.letters === text.length) continue;
      const piece = tokens.slice(told.tokens, told.tokens + tokensMax);
      const letters = text.slice(told.letters, told.letters + lettersMax);
      const hash = told.hash.push(piece, letters);
      const place = { tokens: told.tokens + piece.length, letters: told.letters + letters.length };
      const shown: ShownItem = { item, ...place, head: hash.head() };
      const body = {
        replicaId: this.#o.replicaId,
        item,
        index: told.tokens,
        letters: told.letters,
        tokens: piece,
        text: letters,
        runningHash: shown.head,
        signature: signBody(this.#o.signer, 'stream', toStreamHead(this.#o.replicaId, shown)).signature,
      };
      known.told = { ...place, hash };
      if (known.shown === null || place.tokens > known.shown.tokens || place.letters > known.shown.letters)
        known.shown = shown;
      return { type: 'shard.token', body };
    }
    return null;
  }
}
