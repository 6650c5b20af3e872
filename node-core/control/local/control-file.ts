/**
 * `control.json` in the data folder: how programs of the same user reach the node that runs there. Whoever can read it
 * owns the node, so it is for its owner only.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from '../../protocol/index.ts';

const ControlFile = z.object({
  url: z.string(),
  token: z.string(),
  pid: z.int(),
});
export type ControlFile = z.infer<typeof ControlFile>;

const fileName = 'control.json';

export function controlFilePath(dataFolder: string): string {
  return join(dataFolder, fileName);
}

/** Whole or not at all; takes the place of what a killed node left behind. */
export async function writeControlFile(dataFolder: string, content: ControlFile): Promise<void> {
  const path = controlFilePath(dataFolder);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

/** @returns null when there is none. @throws Error when it cannot be read, or is damaged. */
export async function readControlFile(dataFolder: string): Promise<ControlFile | null> {
  const path = controlFilePath(dataFolder);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    return ControlFile.parse(JSON.parse(text));
  } catch {
    throw new Error(`${path} is damaged; restart the node, which writes it anew`);
  }
}

/** Removes it, unless another process has put its own there. */
export async function removeControlFile(dataFolder: string, token: string): Promise<void> {
  const present = await readControlFile(dataFolder).catch(() => null);
  if (present?.token === token) await unlink(controlFilePath(dataFolder)).catch(() => {});
}
