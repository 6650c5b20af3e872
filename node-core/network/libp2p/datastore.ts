/**
 * What libp2p remembers (peers, records and provider keys of others), in memory and bounded: anybody may send records
 * and provider keys, so the oldest make room for new ones. Of its own, a node publishes everything again in time.
 */
import type { Libp2pInit } from 'libp2p';

type Datastore = NonNullable<Libp2pInit['datastore']>;
type Key = Parameters<Datastore['get']>[0];
type Pair = { key: Key; value: Uint8Array };
type Source<T> = Iterable<T> | AsyncIterable<T>;

/** Per kind of entry. A record has 16 KiB at most, a provider key about 100 bytes. */
const entriesMax = { '/dht/record': 4_000, '/dht/provider': 20_000, '/': 10_000 };

class NotFoundError extends Error {
  // libp2p tells this case by the name.
  override readonly name = 'NotFoundError';
}

export class BoundedDatastore implements Datastore {
  readonly #kinds = Object.entries(entriesMax).map(([prefix, max]) => ({
    prefix,
    max,
    entries: new Map<string, Pair>(),
  }));

  put(key: Key, value: Uint8Array): Key {
    const { entries, max } = this.#kindOf(key);
    const text = key.toString();
    // What was written last stays longest.
    entries.delete(text);
    entries.set(text, { key, value });
    for (const oldest of entries.keys()) {
      if (entries.size <= max) break;
      entries.delete(oldest);
    }
    return key;
  }

  get(key: Key): Uint8Array {
    const entry = this.#kindOf(key).entries.get(key.toString());
    if (entry === undefined) throw new NotFoundError(`nothing under ${key.toString()}`);
    return entry.value;
  }

  has(key: Key): boolean {
    return this.#kindOf(key).entries.has(key.toString());
  }

  delete(key: Key): void {
    this.#kindOf(key).entries.delete(key.toString());
  }

  async *putMany(source: Source<Pair>): AsyncGenerator<Key> {
    for await (const { key, value } of source) yield this.put(key, value);
  }

  async *getMany(source: Source<Key>): AsyncGenerator<Pair> {
    for await (const key of source) yield { key, value: this.get(key) };
  }

  async *deleteMany(source: Source<Key>): AsyncGenerator<Key> {
    for await (const key of source) {
      this.delete(key);
      yield key;
    }
  }

  batch(): ReturnType<Datastore['batch']> {
    const steps: Array<() => void> = [];
    return {
      put: (key, value) => void steps.push(() => this.put(key, value)),
      delete: (key) => void steps.push(() => this.delete(key)),
      commit: async () => {
        for (const step of steps.splice(0)) step();
      },
    };
  }

  async *query(query: Parameters<Datastore['query']>[0]): AsyncGenerator<Pair> {
    let found = this.#all(query.prefix);
    for (const filter of query.filters ?? []) found = found.filter((pair) => filter(pair));
    for (const order of query.orders ?? []) found.sort(order);
    yield* found.slice(query.offset ?? 0, (query.offset ?? 0) + (query.limit ?? found.length));
  }

  async *queryKeys(query: Parameters<Datastore['queryKeys']>[0]): AsyncGenerator<Key> {
    let found = this.#all(query.prefix).map(({ key }) => key);
    for (const filter of query.filters ?? []) found = found.filter((key) => filter(key));
    for (const order of query.orders ?? []) found.sort(order);
    yield* found.slice(query.offset ?? 0, (query.offset ?? 0) + (query.limit ?? found.length));
  }

  #kindOf(key: Key) {
    const text = key.toString();
    const kind = this.#kinds.find(({ prefix }) => text.startsWith(prefix));
    if (kind === undefined) throw new TypeError(`${text} is no key`);
    return kind;
  }

  #all(prefix = '/'): Pair[] {
    return this.#kinds
      .flatMap(({ entries }) => [...entries.values()])
      .filter(({ key }) => key.toString().startsWith(prefix));
  }
}
