/** The soak's part with real containers: how many came and went, and what they left behind. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { soakContainers } from '../../node-core/execution/docker/turnover-soak.ts';

const sequence = 500;
const together = 8;
/** 8 KiB for each of them. */
const memoryMoreBytesMax = 4 * 2 ** 20;
const heading = '## Containers';

export interface ContainerPart {
  /** The section, with its heading. */
  readonly text: string;
  readonly isGreen: boolean;
}

/** @returns what it found; where no engine can be started, that it was not run. */
export async function containerPart(): Promise<ContainerPart> {
  const section = (text: string): string => `${heading}\n\n${text}\n`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/sbin/dockerd')) {
    return { text: section('Not run: it needs root and `dockerd` (docker.io).'), isGreen: true };
  }
  const startedAt = Date.now();
  const found = await soakContainers(sequence, together);
  const { faults, containersLeft, openFilesMore, memoryMoreBytes, medianMs, slowestMs, engine } = found;
  const isGreen =
    faults.length === 0 && containersLeft === 0 && openFilesMore === 0 && memoryMoreBytes <= memoryMoreBytesMax;
  const kibibytes = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`;
  const text = `${sequence} hardened containers one after the other and ${together} at once, each made for one run and removed after it, on a
real engine (${engine}); what is left is counted against the state after a warm-up: rounds of ${together + 10} until live bytes no longer fall; memory
against the least that was seen at ten looks on the way.

| | |
|---|---|
| date | ${new Date(startedAt).toISOString()}, ${((Date.now() - startedAt) / 1000).toFixed(0)} s, load ${loadavg()[0]?.toFixed(1)} at the end |
| runs that failed | ${faults.length}${faults.length === 0 ? '' : `, the first: ${faults[0]}`} |
| one run, from asking to its answer | ${medianMs.toFixed(0)} ms in the median, ${slowestMs.toFixed(0)} ms at most |
| containers left | ${containersLeft} |
| open files left | ${openFilesMore} |
| memory of the node's process, after collecting garbage | ${memoryMoreBytes < 0 ? 'less' : 'more'} by ${kibibytes(Math.abs(memoryMoreBytes))} (bar: ${kibibytes(memoryMoreBytesMax)}) |
| result | ${isGreen ? 'green' : '**red**'} |`;
  return { text: section(text), isGreen };
}

/** Puts the section into what the last soak wrote, in place of the one that is there. @returns the file. */
export function writeContainerPart(root: string, { text }: ContainerPart): string {
  const file = join(root, 'docs', 'soak.md');
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '# The last soak\n';
  const at = before.indexOf(heading);
  writeFileSync(file, `${(at < 0 ? before : before.slice(0, at)).trimEnd()}\n\n${text}`);
  return file;
}
