/** One output of the process: what it can show, and what it wants. */
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Terminal {
  readonly #stream: OutputStream;
  readonly #colour: boolean;
  /** It can be drawn anew: a terminal that understands cursor movements. */
  readonly live: boolean;
  #drawn = 0;

  constructor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    this.live = stream.isTTY === true && env['TERM'] !== 'dumb';
    // https://no-color.org: present and not empty, whatever it is.
    this.#colour = this.live && !env['NO_COLOR'];
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Letters in a line; where nobody looks there is no end. */
  get columns(): number {
    return this.live ? (this.#stream.columns ?? 80) : Number.POSITIVE_INFINITY;
  }

  paint(style: Style, text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }

  say(text: string): void {
    this.#stream.write(`${this.#erasure()}${text}\n`);
  }

  /** As it is, without a line's end. */
  write(text: string): void {
    this.#stream.write(`${this.#erasure()}${text}`);
  }

  /** Lines that the next drawing, or the next word, takes the place of. */
  draw(lines: readonly string[]): void {
    this.#stream.write(`${this.#erasure()}${lines.map((line) => `${clipped(line, this.columns - 1)}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  /** What was drawn stays. */
  keep(): void {
    this.#drawn = 0;
  }

  #erasure(): string {
    if (this.#drawn === 0) return '';
    const erasure = `\x1b[${this.#drawn}A\x1b[0J`;
    this.#drawn = 0;
    return erasure;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of.
const colours = /(\x1b\[[0-9;]*m)/g;

/** Letters that are seen. */
export const widthOf = (text: string) => text.replaceAll(colours, '').length;

/** A line that wraps would be two lines to erase. */
export function clipped(line: string, lettersMax: number): string {
  if (widthOf(line) <= lettersMax) return line;
  let seen = 0;
  let result = '';
  for (const part of line.split(colours)) {
    if (part.startsWith('\x1b[')) result += part;
    else if (seen < lettersMax) {
      const room = lettersMax - seen;
      result += part.length > room ? `${part.slice(0, Math.max(0, room - 1))}…` : part;
      seen += part.length;
    }
  }
  return result;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out.
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+/g;
/** What others wrote in lines, such as answers: as {@link plain}, with its lines. */
export const plainLines = (text: string) => text.replaceAll(controls, ' ');

/** What others chose (labels, reasons, agents) must not move the cursor, change colours or turn the line around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out.
export const plain = (text: string) => text.replaceAll(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+/g, ' ');
