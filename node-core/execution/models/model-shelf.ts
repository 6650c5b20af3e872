/**
 * The models on this computer. A file is served only under the content id of the bytes that it has: those with a
 * `models.json` beside them are checked against it, other GGUF files are named by what they are.
 *
 * A verdict is kept by path, size and modification time, so that gigabytes are not hashed again at each start; a file
 * that changes under a running node is noticed at its next use by the same three.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Cid, type ModelInfo, z } from '../../protocol/index.ts';
import { readCache, writeCache } from '../cache-file.ts';
import { messageOf, systemCodeOf } from '../fault.ts';
import { ggufFault } from './gguf-header.ts';
import { FileFacts, hashFile } from './hash-file.ts';
import { type ModelEntry, ModelsManifest, modelsManifestName } from './manifest.ts';

export interface LocalModel {
  readonly info: ModelInfo;
  readonly path: string;
}

export interface ModelShelfOptions {
  /** Folders with GGUF files, the shipped one first: the first model is the default. */
  readonly folders: readonly string[];
  readonly cacheFolder: string;
  /** Hashing one file may take this long. Default 10 minutes: about 100 GB from a fast disk. */
  readonly hashMsMax?: number;
}

const Verdicts = z.strictObject({
  v: z.literal(1),
  files: z.record(z.string(), z.strictObject({ mtimeMs: z.number(), facts: FileFacts })),
});
type Verdicts = z.infer<typeof Verdicts>['files'];
const verdictsMax = 1000;

export class ModelShelf {
  readonly #options: Required<ModelShelfOptions>;
  readonly #cachePath: string;
  readonly #models = new Map<Cid, LocalModel>();
  #verdicts: Verdicts = {};

  constructor(options: ModelShelfOptions) {
    this.#options = { hashMsMax: 10 * 60_000, ...options };
    this.#cachePath = join(options.cacheFolder, 'model-hashes.json');
  }

  /** Reads all folders. A file that is missing, cut short or altered becomes a fault that says what to do. */
  async read(): Promise<{ models: readonly LocalModel[]; faults: readonly string[] }> {
    this.#verdicts = (await readCache(this.#cachePath, Verdicts))?.files ?? {};
    this.#models.clear();
    const faults: string[] = [];
    for (const folder of this.#options.folders) {
      try {
        for (const { path, entry } of await filesIn(resolve(folder))) {
          const model = await this.#judge(path, entry);
          if (!model.ok) faults.push(model.fault);
          else if (!this.#models.has(model.value.info.cid)) this.#models.set(model.value.info.cid, model.value);
        }
      } catch (error) {
        faults.push(`model folder ${folder}: ${messageOf(error)}`);
      }
    }
    return { models: [...this.#models.values()], faults };
  }

  /** Before a model is loaded: is the file still what it was? */
  async find(cid: Cid): Promise<{ ok: true; value: LocalModel } | { ok: false; fault: string }> {
    const known = this.#models.get(cid);
    if (known === undefined) return { ok: false, fault: `no sound file of model ${cid} on this computer` };
    let facts: FileFacts;
    try {
      facts = await this.#facts(known.path);
    } catch (error) {
      return { ok: false, fault: missing(known.info.name, known.path, cid, error) };
    }
    return facts.cid === cid
      ? { ok: true, value: known }
      : { ok: false, fault: altered(known.path, known.info, facts) };
  }

  async #judge(
    path: string,
    entry: ModelEntry | null,
  ): Promise<{ ok: true; value: LocalModel } | { ok: false; fault: string }> {
    let facts: FileFacts;
    try {
      facts = await this.#facts(path);
    } catch (error) {
      return { ok: false, fault: missing(basename(path), path, entry?.cid ?? null, error) };
    }
    if (entry !== null && facts.cid !== entry.cid) return { ok: false, fault: altered(path, entry, facts) };
    const wrong = await ggufFault(path).catch(messageOf);
    if (wrong !== null)
      return { ok: false, fault: `model file ${path} is no GGUF file: ${wrong}; delete it or copy it again` };
    const name = entry?.name ?? basename(path, '.gguf').slice(0, 128);
    return { ok: true, value: { path, info: { cid: facts.cid, name, sizeBytes: facts.sizeBytes } } };
  }

  async #facts(path: string): Promise<FileFacts> {
    const { size, mtimeMs } = await stat(path);
    const known = this.#verdicts[path];
    if (known !== undefined && known.mtimeMs === mtimeMs && known.facts.sizeBytes === size) return known.facts;
    const facts = await hashFile(path, this.#options.hashMsMax);
    // Written to while it was read? Then this verdict is of neither the old nor the new bytes.
    const after = await stat(path);
    if (after.size !== size || after.mtimeMs !== mtimeMs) throw new Error('the file changed while it was hashed');
    this.#verdicts = Object.fromEntries(
      [...Object.entries(this.#verdicts), [path, { mtimeMs, facts }] as const].slice(-verdictsMax),
    );
    await writeCache(this.#cachePath, { v: 1, files: this.#verdicts });
    return facts;
  }
}

async function filesIn(folder: string): Promise<{ path: string; entry: ModelEntry | null }[]> {
  const manifest = await manifestOf(folder);
  const listed = manifest.map((entry) => ({ path: join(folder, entry.file), entry }));
  const names = new Set(manifest.map(({ file }) => file));
  const others = (await readdir(folder))
    .filter((name) => name.endsWith('.gguf') && !names.has(name))
    .sort()
    .map((name) => ({ path: join(folder, name), entry: null }));
  return [...listed, ...others];
}

async function manifestOf(folder: string): Promise<readonly ModelEntry[]> {
  const text = await readFile(join(folder, modelsManifestName), 'utf8').catch((error: unknown) => {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${modelsManifestName} is not JSON: ${messageOf(error)}`);
  }
  const parsed = ModelsManifest.safeParse(value);
  if (parsed.success) return parsed.data.models;
  const issue = parsed.error.issues[0];
  throw new Error(`${modelsManifestName}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

function missing(name: string, path: string, expected: Cid | null, error: unknown): string {
  const what = systemCodeOf(error) === 'ENOENT' ? 'is missing' : `cannot be read (${messageOf(error)})`;
  const id = expected === null ? '' : `, content id ${expected}`;
  return `model ${name} ${what}: copy it to ${path}${id}`;
}

function altered(path: string, expected: { cid: Cid; sizeBytes: number; sha256?: string }, actual: FileFacts): string {
  const what =
    actual.sizeBytes < expected.sizeBytes
      ? `is cut short (${actual.sizeBytes} of ${expected.sizeBytes} bytes)`
      : 'is corrupt';
  const sha = expected.sha256 === undefined ? '' : ` (sha256 ${expected.sha256})`;
  return (
    `model file ${path} ${what}: expected content id ${expected.cid}${sha}, ` +
    `found ${actual.cid} (sha256 ${actual.sha256}); delete ${path} and copy it again`
  );
}
