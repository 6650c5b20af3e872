/** Tokens that wait for a slow reader: pieces of one answer become one, so that no more waits than the answers themselves. */
import type { StreamItem } from '../protocol/index.ts';

export type Shown = Extract<StreamItem, { kind: 'token' | 'restarted' }>;

export class Gathered {
  #items: Shown[] = [];

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  add(item: Shown): void {
    const isSame = (other: Shown) => other.jobId === item.jobId && other.item === item.item;
    if (item.kind === 'restarted') {
      // What was shown before does not hold: nobody need see it.
      this.#items = this.#items.filter((other) => !isSame(other));
      this.#items.push(item);
      return;
    }
    const at = this.#items.findLastIndex(isSame);
    const last = this.#items[at];
    if (last?.kind === 'token' && last.letters + last.text.length === item.letters)
      this.#items[at] = {
        ...item,
        index: last.index,
        letters: last.letters,
        tokens: last.tokens + item.tokens,
        text: last.text + item.text,
      };
    else this.#items.push(item);
  }

  take(): Shown[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}
