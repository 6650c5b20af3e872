/** A map that forgets what was not set for longest. What peers can make grow is kept in one of these. */
export class BoundedMap<Key, Value> {
  readonly #max: number;
  readonly #map = new Map<Key, Value>();

  /** @param max entries, at least 1. */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  has(key: Key): boolean {
    return this.#map.has(key);
  }

  /** Sets, and makes the key the last to be forgotten. */
  set(key: Key, value: Value): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.#max) return;
    for (const oldest of this.#map.keys()) {
      this.#map.delete(oldest);
      return;
    }
  }

  values(): IterableIterator<Value> {
    return this.#map.values();
  }

  delete(key: Key): void {
    this.#map.delete(key);
  }
}
