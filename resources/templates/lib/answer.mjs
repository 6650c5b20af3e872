/**
 * An answer as it grows, token by token: its text, and where it ends. Runs, forced prefixes and checks all go through
 * here, so the same tokens have the same text and the same end in each of them.
 */

/** @typedef {import('node-llama-cpp').Token} Token */

/** Bytes of a character may lie in several tokens; no character needs more than this many. */
const characterTokensMax = 8;
/** Tokens before a piece that tell the tokenizer whether a space belongs in front of it. */
const contextTokens = 4;

export class Answer {
  /** All of them, with the model's end marker where it came. @type {Token[]} */
  tokenIds = [];
  /** Null while it may go on. @type {'stop' | 'length' | 'stopped' | null} */
  finish = null;
  #model;
  #stop;
  #tokensMax;
  #text = '';
  /** Tokens before this one are in the text. */
  #decoded = 0;
  #shown = 0;
  #hasMarker = false;

  /**
   * @param {import('node-llama-cpp').LlamaModel} model
   * @param {readonly string[]} stop texts that end the answer
   * @param {number} tokensMax
   */
  constructor(model, stop, tokensMax) {
    this.#model = model;
    this.#stop = stop;
    this.#tokensMax = tokensMax;
  }

  /** Final once `finish` is set. */
  get text() {
    return this.#text;
  }

  /** Tokens of the text, without the end marker. */
  get tokens() {
    return this.tokenIds.length - (this.#hasMarker ? 1 : 0);
  }

  /** @param {Token} token not after `finish` */
  push(token) {
    this.tokenIds.push(token);
    if (this.#model.isEogToken(token)) {
      this.#hasMarker = true;
      this.end('stop');
      return;
    }
    this.#decode(false);
    if (this.#cutAtStop()) this.finish = 'stop';
    else if (this.tokens >= this.#tokensMax) this.end('length');
  }

  /** @param {'stop' | 'length' | 'stopped'} finish */
  end(finish) {
    this.#decode(true);
    this.finish = this.#cutAtStop() ? 'stop' : finish;
  }

  /** Text since the last call that can be shown: nothing that may yet turn out to be the beginning of a stop text. */
  takeText() {
    const end = this.finish === null ? this.#text.length - this.#heldBack() : this.#text.length;
    const piece = this.#text.slice(this.#shown, end);
    this.#shown = Math.max(this.#shown, end);
    return piece;
  }

  /** @param {boolean} all also the bytes of an unfinished character */
  #decode(all) {
    const tokens = this.tokenIds.slice(this.#decoded, this.tokens);
    if (tokens.length === 0) return;
    const before = this.tokenIds.slice(Math.max(0, this.#decoded - contextTokens), this.#decoded);
    const piece = this.#model.detokenize(tokens, false, before);
    if (!all && piece.endsWith('\ufffd') && tokens.length < characterTokensMax) return;
    this.#text += piece;
    this.#decoded += tokens.length;
  }

  #cutAtStop() {
    const ends = this.#stop.map((text) => this.#text.indexOf(text, Math.max(0, this.#shown - text.length)));
    const found = ends.filter((at) => at >= 0);
    if (found.length === 0) return false;
    this.#text = this.#text.slice(0, Math.min(...found));
    return true;
  }

  /** Characters at the end of the text with which a stop text begins. */
  #heldBack() {
    const most = Math.min(this.#text.length, Math.max(0, ...this.#stop.map((text) => text.length - 1)));
    for (let length = most; length > 0; length--) {
      const tail = this.#text.slice(-length);
      if (this.#stop.some((text) => text.startsWith(tail))) return length;
    }
    return 0;
  }
}
