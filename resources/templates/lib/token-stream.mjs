/** Gathers tokens into few messages: the first at once, later ones after 25 ms or 16 tokens, whichever comes first. */

/**
 * @typedef {{index: number, tokens: readonly number[], text: string}} Piece `index`: tokens of the item before these
 */

const gatherMsMax = 25;
const gatherTokensMax = 16;

export class TokenStream {
  /** @type {(piece: Piece) => Promise<void>} */
  #write;
  /** @type {number[]} */
  #tokens = [];
  #text = '';
  #index = 0;
  #begun = false;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** Settles when all that was written has left; a full pipe holds it back, and with it whoever makes tokens. */
  #written = Promise.resolve();

  /** @param {(piece: Piece) => Promise<void>} write settles when there is room for more */
  constructor(write) {
    this.#write = write;
  }

  /**
   * Wait for it before making the next token: it is how a reader that falls behind slows the runner down.
   * @param {number} index tokens of the item before this one @param {number} token
   * @param {string} text that this token completed; may be empty, and belong to earlier tokens too
   */
  async push(index, token, text) {
    if (this.#tokens.length === 0) this.#index = index;
    this.#tokens.push(token);
    this.#text += text;
    if (!this.#begun || this.#tokens.length >= gatherTokensMax) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), gatherMsMax);
    this.#begun = true;
    await this.#written;
  }

  /** @returns {Promise<void>} when it has left */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#tokens.length > 0) {
      const piece = { index: this.#index, tokens: this.#tokens, text: this.#text };
      this.#tokens = [];
      this.#text = '';
      this.#written = this.#written.then(() => this.#write(piece));
    }
    return this.#written;
  }
}
