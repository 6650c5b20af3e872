/**
 * Writes the documents that are made of the schemas: `npm run docs`.
 * `--check` writes nothing, and exits with 1 when a document on disk is not what the schemas say.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Page, pages } from './docs/pages.ts';

const root = join(import.meta.dirname, '..');

/** Pages that are missing in `folder`, or differ from what the schemas say. */
export async function stalePages(folder: string = root): Promise<Page[]> {
  const stale: Page[] = [];
  for (const page of pages()) if ((await readText(join(folder, page.path))) !== page.text) stale.push(page);
  return stale;
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const stale = await stalePages();
  for (const { path, text } of stale) {
    if (values.check) {
      console.error(`${path} is not what the schemas say; run: npm run docs`);
      process.exitCode = 1;
    } else {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
      console.log(`wrote ${path}`);
    }
  }
  if (stale.length === 0) console.log('the documents are what the schemas say');
}

if (import.meta.main) await main();
