import { describe, expect, it } from 'vitest';
import type { Durability, Store } from '../ports/index.ts';
import { type LogEntry, sha256Hex, utf8 } from '../protocol/index.ts';
import { Chance } from './chance.ts';
import { NodeClock, VirtualTime } from './clock.ts';
import { Disk } from './disk.ts';

/** A disk, a process that writes to it, and time that passes until nothing is left to do. */
function computer() {
  const time = new VirtualTime();
  const disk = new Disk();
  const mount = (): Store => disk.mount(new NodeClock(time));
  const pass = async (ms = 1_000): Promise<void> => {
    const until = time.elapsed + ms;
    do await new Promise<void>((resolve) => process.nextTick(resolve));
    while (time.step(until));
  };
  return { disk, mount, pass, time };
}

const entry = (seq: number): LogEntry => ({ seq, at: seq, event: { type: 'provider.switched', on: true } });
const bytes = utf8.encode('a result');
const hash = sha256Hex(bytes);

/** Writes entries one by one. @returns how many of them their writer heard of. */
function write(store: Store, from: number, to: number, durability: Durability): { told: number } {
  const heard = { told: 0 };
  for (let seq = from; seq <= to; seq++)
    store.append([entry(seq)], durability).then(
      () => heard.told++,
      () => undefined,
    );
  return heard;
}

describe('the simulated disk', () => {
  it('gives back after a kill what was written, and not what was under way', async () => {
    const { disk, mount, pass } = computer();
    const heard = write(mount(), 1, 5, 'normal');
    // At 0.2 ms each: two are written, the third is under way.
    await pass(0.5);
    disk.kill();
    await pass();
    expect(disk.length).toBe(2);
    // What is left of the killed process hears of nothing any more.
    expect(heard.told).toBe(2);
    const opened = mount().open();
    await pass();
    expect((await opened).tail.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('keeps at a loss of power what was synced, and of the rest a beginning: the tail is torn', async () => {
    const lengths = new Set<number>();
    for (let seed = 1; seed <= 40; seed++) {
      const { disk, mount, pass } = computer();
      const store = mount();
      write(store, 1, 3, 'full');
      write(store, 4, 9, 'normal');
      await pass();
      expect([disk.synced, disk.length]).toEqual([3, 9]);
      disk.losePower(new Chance(seed));
      lengths.add(disk.length);
    }
    expect(Math.min(...lengths)).toBe(3);
    expect(Math.max(...lengths)).toBe(9);
    expect(lengths.size).toBe(7);
  });

  it('loses or keeps at a loss of power all of a transaction: its entries and its blobs', async () => {
    const ends = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const { disk, mount, pass } = computer();
      void mount().append([entry(1), entry(2), entry(3)], 'normal', [{ hash, bytes }]);
      await pass();
      disk.losePower(new Chance(seed));
      ends.add(`${disk.length} entries, blob: ${disk.blobs.has(hash)}`);
    }
    expect([...ends].toSorted()).toEqual(['0 entries, blob: false', '3 entries, blob: true']);
  });

  it('has no blob after a loss of power whose entry was not synced', async () => {
    const { disk, mount, pass } = computer();
    const store = mount();
    write(store, 1, 1, 'full');
    void store.append([entry(2)], 'normal', [{ hash, bytes }]);
    await pass();
    expect(disk.blobs.has(hash)).toBe(true);
    // A chance by which nothing of the tail survives.
    const none = [...Array(100).keys()].find((seed) => new Chance(seed).below(2) === 0) ?? 0;
    disk.losePower(new Chance(none));
    expect(disk.length).toBe(1);
    expect(disk.blobs.has(hash)).toBe(false);
  });

  it('keeps blobs that were put or synced, with or without power', async () => {
    const { disk, mount, pass } = computer();
    const store = mount();
    void store.putBlob(bytes, hash);
    await pass();
    disk.losePower(new Chance(1));
    expect(disk.blobs.get(hash)).toEqual(bytes);
  });

  it('has no snapshot of entries that a loss of power took', async () => {
    const { disk, mount, pass } = computer();
    const store = mount();
    write(store, 1, 2, 'normal');
    void store.saveSnapshot({ seq: 2, state: '{}', signature: '' });
    await pass();
    write(store, 3, 3, 'normal');
    await pass();
    disk.losePower(new Chance(1));
    // To write a snapshot syncs what it stands for.
    expect(disk.length).toBeGreaterThanOrEqual(2);
    expect(disk.snapshot?.seq).toBe(2);
  });

  it('begins anew when it is replaced, or with what a backup held', async () => {
    const { disk, mount, pass } = computer();
    const store = mount();
    write(store, 1, 2, 'full');
    void store.putBlob(bytes, hash);
    await pass();
    const backup = disk.backup();
    write(store, 3, 4, 'full');
    await pass();
    disk.replace();
    expect([disk.length, disk.blobs.size, disk.snapshot]).toEqual([0, 0, null]);
    disk.replace(backup);
    expect([disk.length, disk.synced]).toEqual([2, 2]);
    expect(disk.blobs.get(hash)).toEqual(bytes);
  });

  it('refuses writes while it is full, and takes them again', async () => {
    const { disk, mount, pass } = computer();
    const store = mount();
    disk.full = 'no space is left';
    const refused = store.append([entry(1)], 'full').catch((error: unknown) => String(error));
    await pass();
    expect(await refused).toContain('no space is left');
    expect(disk.length).toBe(0);
    disk.full = null;
    const heard = write(store, 1, 1, 'full');
    await pass();
    expect([heard.told, disk.length]).toEqual([1, 1]);
  });

  it('tells that it is busy as long as a write is under way', async () => {
    const { disk, mount, pass } = computer();
    const store = mount();
    expect(disk.isBusy).toBe(false);
    write(store, 1, 1, 'full');
    expect(disk.isBusy).toBe(true);
    await pass();
    expect(disk.isBusy).toBe(false);
  });
});
