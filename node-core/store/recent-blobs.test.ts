import { expect, test } from 'vitest';
import { RecentBlobs } from './recent-blobs.ts';

const blob = (hash: string, bytes: number) => ({ hash, bytes: new Uint8Array(bytes) });

test('what was written last is kept, within its bytes, and what is deleted is gone', () => {
  const recent = new RecentBlobs(10);
  const kept = () => ['a', 'b', 'c', 'd'].filter((hash) => recent.get(hash) !== null);
  recent.add(blob('a', 4));
  recent.add(blob('b', 4));
  recent.add(blob('a', 4));
  expect(kept()).toEqual(['a', 'b']);
  recent.add(blob('c', 4));
  expect(kept()).toEqual(['a', 'c']);
  recent.add(blob('d', 11));
  expect(kept()).toEqual([]);
  recent.add(blob('a', 10));
  recent.delete('a');
  recent.delete('b');
  recent.add(blob('b', 10));
  expect(kept()).toEqual(['b']);
});
