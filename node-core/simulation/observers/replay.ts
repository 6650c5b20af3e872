/** I9: snapshot plus tail rebuild every reducer's state bit for bit, and so does the whole log. */
import { createNode } from '../../node.ts';
import type { Ports } from '../../ports/index.ts';
import { BackupReader } from '../disk.ts';
import type { Subject } from './subject.ts';

/**
 * @param ports of which only the store is used, and that is replaced by readers of the disk.
 * @param inMemory the node's own state, where it and the disk are of the same moment; else null.
 */
export async function checkReplay(node: Subject, ports: Omit<Ports, 'store'>, inMemory: string | null): Promise<void> {
  const { disk, config, fault } = node;
  const now = disk.backup();
  const read = (useSnapshot: boolean): Promise<string> =>
    createNode(config, { ...ports, store: new BackupReader(now, useSnapshot) }).replay();
  const whole = await read(false);
  if (now.snapshot !== null) {
    const difference = firstDifference(whole, await read(true));
    if (difference !== null) fault('I9', `snapshot and tail give another state than the whole log: ${difference}`);
  }
  const difference = inMemory === null ? null : firstDifference(inMemory, whole);
  if (difference !== null) fault('I9', `the log gives another state than the node had: ${difference}`);
}

function firstDifference(a: string, b: string): string | null {
  if (a === b) return null;
  let i = 0;
  while (a[i] === b[i]) i++;
  const around = (text: string): string => text.slice(Math.max(0, i - 80), i + 80);
  return `“${around(a)}” and “${around(b)}”`;
}
