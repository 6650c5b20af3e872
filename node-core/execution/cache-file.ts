/** A small JSON file of things that are slow to find out. It may be lost or damaged at any time: then they are found out again. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from '../protocol/index.ts';

/** @returns null when there is none, or what is there does not parse. */
export async function readCache<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Replaces the file as a whole, so that a reader sees the old or the new one. A full disk costs the cache, no more. */
export async function writeCache(path: string, value: unknown): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(part, `${JSON.stringify(value, null, 1)}\n`, { mode: 0o600 });
    await rename(part, path);
  } catch {
    await rm(part, { force: true }).catch(() => undefined);
  }
}
