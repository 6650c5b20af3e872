/** Cuts a byte stream into lines, holding no more than one line of bounded length. */
export class LineSplitter {
  readonly #lineBytesMax: number;
  readonly #onLine: (line: Buffer) => void;
  readonly #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(lineBytesMax: number, onLine: (line: Buffer) => void) {
    this.#lineBytesMax = lineBytesMax;
    this.#onLine = onLine;
  }

  /** @returns false when a line is too long; nothing should be pushed after that. */
  push(chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      if (!this.#keep(chunk.subarray(start, end))) return false;
      const line = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
      this.#parts.length = 0;
      this.#partBytes = 0;
      if (line !== undefined && line.length > 0) this.#onLine(line);
      start = end + 1;
    }
    return this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): boolean {
    if (part.length > 0) this.#parts.push(part);
    this.#partBytes += part.length;
    return this.#partBytes <= this.#lineBytesMax;
  }
}

/** The last bytes of a stream, as text for people. */
export class Tail {
  readonly #bytesMax: number;
  #kept = Buffer.alloc(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): void {
    // A copy, so that a large chunk is not held by its last bytes.
    this.#kept = Buffer.concat([this.#kept, chunk.subarray(-this.#bytesMax)]).subarray(-this.#bytesMax);
  }

  text(): string {
    return this.#kept.toString('utf8').trim();
  }
}
