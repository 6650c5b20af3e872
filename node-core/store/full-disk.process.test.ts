/** A disk of its own, small enough to fill. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { requires } from '../../e2e/capabilities.ts';
import type { LogEntry } from '../protocol/events/events.ts';
import { StoreError } from './errors.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { entriesOf, jobIdOf, jobStory, makeTestFolder, sha256, stopped } from './testing.ts';

const needsRoot = requires('root');

function mountDisk(options: string): string {
  const disk = makeTestFolder();
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', options, 'infernet-test', disk]);
  onTestFinished(() => {
    execFileSync('/bin/umount', [disk]);
    rmSync(disk, { recursive: true });
  });
  return disk;
}

async function failureOf(promise: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof StoreError) return error;
  throw new Error('expected a StoreError', { cause: error });
}

needsRoot('on a full disk appends fail with what to do, and what was stored before is intact', async () => {
  const disk = mountDisk('size=2m');
  const folder = join(disk, 'data');
  const ballast = join(disk, 'ballast');
  const store = createSqliteStore({ folder });
  await store.open();
  writeFileSync(ballast, new Uint8Array(400_000));

  const stored: LogEntry[] = [];
  let failure: unknown = null;
  while (failure === null) {
    const entries = entriesOf([...jobStory(stored.length), stopped('x'.repeat(500))], stored.length);
    try {
      await store.append(entries, 'full');
      stored.push(...entries);
    } catch (error) {
      failure = error;
    }
  }
  expect(failure).toBeInstanceOf(StoreError);
  expect(failure).toMatchObject({ kind: 'full' });
  expect(String(failure)).toContain(folder);
  expect(String(failure)).toContain('free some space');
  expect(stored.length).toBeGreaterThan(50);
  // Nothing is appended after a hole, and the history can still be read.
  expect(await failureOf(store.append(entriesOf([stopped('later')], stored.length), 'full'))).toBe(failure);
  expect(await store.history.entries({ after: 0, limit: 10_000 })).toEqual(stored);
  expect((await store.history.job(jobIdOf(0)))?.state).toBe('done');
  await store.close();

  rmSync(ballast);
  expect((await store.open()).tail).toEqual(stored);
  await store.append(entriesOf([stopped('there is room again')], stored.length), 'full');
  await store.close();
});

needsRoot('a blob that does not fit is refused, and the log goes on', async () => {
  const folder = join(mountDisk('size=3m'), 'data');
  const store = createSqliteStore({ folder });
  await store.open();
  const blob = new Uint8Array(8_000_000).fill(1);
  expect((await failureOf(store.putBlob(blob, sha256(blob)))).kind).toBe('full');
  expect(await store.getBlob(sha256(blob))).toBeNull();
  await store.append(entriesOf([stopped('small enough')]), 'full');
  await store.close();
  expect((await store.open()).tail).toHaveLength(1);
  await store.close();
});

needsRoot('no room even to begin is a full disk, too', async () => {
  const disk = mountDisk('size=16k');
  const error = await failureOf(createSqliteStore({ folder: join(disk, 'data') }).open());
  expect(error.kind).toBe('full');
});

needsRoot('a disk that is mounted read-only is named as such', async () => {
  const disk = mountDisk('size=1m,ro');
  for (const folder of [disk, join(disk, 'data')]) {
    const error = await failureOf(createSqliteStore({ folder }).open());
    expect(error.kind).toBe('read-only');
    expect(error.message).toContain(folder);
  }
});
