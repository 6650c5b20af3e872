/** What of a stream is new to somebody who has read the rest: text to write behind it, or a new beginning. */
import type { Terminal } from '../text/terminal.ts';
import { plainLines } from '../text/terminal.ts';
import type { Shown } from './answer-stream.ts';

/** Writes the answers of a job as they come; where there are several, each piece of another one begins with its number. */
export class ShownText {
  readonly #out: Terminal;
  readonly #isOne: boolean;
  readonly #lengths = new Map<number, number>();
  #last: number | null = null;

  constructor(out: Terminal, items: number) {
    this.#out = out;
    this.#isOne = items === 1;
  }

  /** Letters of an item that stand there. */
  lengthOf(item: number): number {
    return this.#lengths.get(item) ?? 0;
  }

  take(shown: Shown): void {
    const { item } = shown;
    const length = this.lengthOf(item);
    if (shown.kind === 'restarted') {
      if (length > 0) this.#out.write(this.#out.paint('yellow', `\n[begins again: ${shown.reason}]\n`));
      this.#lengths.set(item, 0);
      this.#last = null;
      return;
    }
    const text = shown.letters < length ? shown.text.slice(length - shown.letters) : shown.text;
    this.#lengths.set(item, Math.max(length, shown.letters + shown.text.length));
    if (text === '') return;
    if (!this.#isOne && this.#last !== item) {
      if (this.#last !== null) this.#out.write('\n');
      this.#out.write(this.#out.paint('dim', `[${item}] `));
    }
    this.#last = item;
    this.#out.write(plainLines(text));
  }

  end(): void {
    if (this.#lengths.size > 0) this.#out.write('\n');
  }
}
