/**
 * The JavaScript of the built page as a server would send it: each file by itself, gzipped at zlib's default level, and added up.
 * All parts count, those too that are loaded later or perhaps never. Kilobytes are 1,000 bytes.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const folder = fileURLToPath(new URL('../../out/renderer', import.meta.url));

/** @returns bytes: of all files, and of those that the page names itself. */
export async function scriptBytes(): Promise<{ all: number; first: number }> {
  const page = await readFile(join(folder, 'index.html'), 'utf8');
  let [all, first] = [0, 0];
  for (const name of (await readdir(join(folder, 'assets'))).filter((each) => each.endsWith('.js'))) {
    const { length } = gzipSync(await readFile(join(folder, 'assets', name)));
    all += length;
    if (page.includes(name)) first += length;
  }
  return { all, first };
}
