/** What the demo shows while it runs: bars per provider on a terminal, plain lines elsewhere. */
import { styleText } from 'node:util';

const barCells = 24;
const plainEveryMs = 1_000;

export interface ProviderRow {
  readonly name: string;
  /** Items done, of replicas under way and ended. */
  items: number;
  shards: number;
}

type Style = Parameters<typeof styleText>[0];

export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #live: boolean;
  readonly #colour: boolean;
  #drawn = 0;
  #saidAt = 0;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
    this.#live = out.isTTY === true && process.env['TERM'] !== 'dumb';
    this.#colour = this.#live && !process.env['NO_COLOR'];
  }

  say(text: string): void {
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  paint(style: Style, text: string): string {
    return this.#colour ? styleText(style, text) : text;
  }

  /** Draws anew on a terminal; elsewhere writes a line now and then. */
  progress(done: number, total: number, rows: readonly ProviderRow[], now: number): void {
    if (!this.#live) {
      if (now - this.#saidAt < plainEveryMs) return;
      this.#saidAt = now;
      const parts = rows.map((row) => `${row.name} ${row.shards}`).join(', ');
      this.#out.write(`  ${done} of ${total} shards accepted (shards run: ${parts})\n`);
      return;
    }
    this.#clear();
    const most = Math.max(1, ...rows.map((row) => row.items));
    const lines = [
      `  job         ${this.#bar(done / total, 'green')} ${done}/${total} shards accepted`,
      ...rows.map(
        (row) =>
          `  ${row.name.padEnd(11)} ${this.#bar(row.items / most, 'cyan')} ${row.items} items, ${row.shards} shards`,
      ),
    ];
    this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  /** One bar for one number. */
  count(what: string, done: number, total: number, now: number): void {
    if (!this.#live) {
      if (now - this.#saidAt < plainEveryMs && done < total) return;
      this.#saidAt = now;
      this.#out.write(`  ${done} of ${total} ${what}\n`);
      return;
    }
    this.#clear();
    this.#out.write(`  ${what.padEnd(11)} ${this.#bar(done / total, 'green')} ${done}/${total}\n`);
    this.#drawn = 1;
  }

  /** The next drawing does not replace the last. */
  keep(): void {
    this.#drawn = 0;
  }

  #bar(share: number, style: Style): string {
    const full = Math.round(Math.min(1, Math.max(0, share)) * barCells);
    return this.paint(style, '█'.repeat(full)) + '░'.repeat(barCells - full);
  }

  #clear(): void {
    if (this.#drawn === 0) return;
    this.#out.write(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
  }
}
