import { setImmediate as soon } from 'node:timers';
import { describe, expect, it } from 'vitest';
import { Journal } from '../journal/index.ts';
import type { NodeEvent, StreamItem } from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { Disk } from '../simulation/disk.ts';
import { KeyRing } from '../simulation/keys.ts';
import { EventStream } from './stream.ts';

const keys = new KeyRing();
const signer = keys.make(new Chance(1));
const said = (n: number): NodeEvent => ({ type: 'node.stopped', reason: String(n) });

async function bench() {
  const time = new VirtualTime();
  const clock = new NodeClock(time);
  const store = new Disk().mount(clock);
  const logged: string[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (_: unknown, message: string) => void logged.push(message) };
  const options = { store, clock, signer, verifier: keys, log, snapshotEntries: 1000, onFatal() {} };
  const journal = new Journal(options);
  const stream = new EventStream(journal, store, log);
  const pass = async (ms = 1_000) => {
    const until = time.elapsed + ms;
    do await new Promise((resolve) => soon(resolve));
    while (time.step(until));
    time.skipTo(until);
  };
  const opened = journal.open();
  await pass();
  await opened;
  return { journal, stream, store, pass, logged };
}

function listen(stream: EventStream, after: number) {
  const items: StreamItem[] = [];
  const end = stream.subscribe(after, (item) => items.push(item));
  return { items, end, seqs: () => items.flatMap((item) => (item.kind === 'event' ? [item.seq] : [])) };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('the event stream', () => {
  it('gives each entry once and in order, from any cursor, while entries are being committed', async () => {
    const { journal, stream, pass } = await bench();
    for (let n = 1; n <= 1200; n++) void journal.commit([said(n)]);
    await pass();
    const chance = new Chance(9);
    const streams: Array<{ after: number; listener: ReturnType<typeof listen> }> = [];
    // Commits and subscriptions fall into each other: history is still read while new entries become durable.
    for (let n = 1201; n <= 1400; n++) {
      void journal.commit([said(n)]);
      if (n % 10 === 0) {
        const after = chance.below(n);
        streams.push({ after, listener: listen(stream, after) });
      }
      if (n % 3 === 0) await pass(0.3 * chance.below(4));
    }
    await pass();
    for (const { after, listener } of streams) expect(listener.seqs()).toEqual(range(after + 1, 1400));
  });

  it('ends where it is told to, also in the middle of history', async () => {
    const { journal, stream, pass } = await bench();
    for (let n = 1; n <= 3; n++) void journal.commit([said(n)]);
    await pass();
    const first = listen(stream, 0);
    first.end();
    const second = listen(stream, 3);
    void journal.commit([said(4)]);
    await pass();
    second.end();
    void journal.commit([said(5)]);
    stream.tell({ kind: 'progress', jobId: '', shardId: '', replicaId: '', provider: '', itemsDone: 1 });
    await pass();
    expect([first.items, second.seqs()]).toEqual([[], [4]]);
  });

  it('takes a cursor beyond the log for its end', async () => {
    const { journal, stream, pass } = await bench();
    void journal.commit([said(1)]);
    await pass();
    const listener = listen(stream, 99);
    void journal.commit([said(2)]);
    await pass();
    expect(listener.seqs()).toEqual([2]);
  });

  it('tells progress to those who listen, and is not hurt by one who fails', async () => {
    const { journal, stream, pass, logged } = await bench();
    const bad = stream.subscribe(0, () => {
      throw new Error('broken');
    });
    const good = listen(stream, 0);
    await pass();
    stream.tell({ kind: 'progress', jobId: 'j', shardId: 's', replicaId: 'r', provider: 'p', itemsDone: 1 });
    void journal.commit([said(1)]);
    await pass();
    expect(good.items.map(({ kind }) => kind)).toEqual(['progress', 'event']);
    expect(logged).toEqual(['a subscriber of the event stream failed; its stream ends']);
    bad();
  });

  it('ends with a word in the log when history cannot be read', async () => {
    const { journal, stream, store, pass, logged } = await bench();
    void journal.commit([said(1)]);
    await pass();
    store.history.entries = async () => Promise.reject(new Error('disk'));
    const listener = listen(stream, 0);
    await pass();
    void journal.commit([said(2)]);
    await pass();
    expect(listener.items).toEqual([]);
    expect(logged).toEqual(['an event stream could not read the log and ends']);
  });
});
