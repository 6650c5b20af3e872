/**
 * Reads template folders. A template's identity is the hash of the files that its manifest names, and a runner gets
 * permission to read just these: what is not hashed is not there when it runs.
 */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import {
  compileSchema,
  contentIdOf,
  folderCid,
  Json,
  type JsonSchemaCheck,
  type Template,
  TemplateManifest,
  z,
} from '../../protocol/index.ts';
import { messageOf } from '../fault.ts';

export interface LoadedTemplate {
  readonly template: Template;
  readonly runnerPath: string;
  readonly folder: string;
  /** The files that the id covers, absolute. */
  readonly files: readonly string[];
  /** The same, with the names that the manifest gives them. */
  readonly contents: readonly { readonly name: string; readonly path: string }[];
  readonly checks: {
    readonly params: JsonSchemaCheck;
    readonly input: JsonSchemaCheck;
    readonly output: JsonSchemaCheck;
  };
  /** A short real job from `sample.json`, for measuring; null without one. */
  readonly sample: TemplateSample | null;
}

const TemplateSample = z.strictObject({ params: z.record(z.string(), Json), inputs: z.array(Json).min(1).max(100) });
export type TemplateSample = z.infer<typeof TemplateSample>;

const manifestName = 'template.json';
const sampleName = 'sample.json';
const fileBytesMax = 16 * 1024 * 1024;
const templatesMax = 256;

/**
 * @param roots folders of template folders, the earlier winning where two hold the same template. A manifest may name
 *   files of its root outside of its own folder (`../lib/serve.mjs`), and none outside of that.
 * @returns all sound templates, by name; the others as faults.
 */
export async function loadTemplates(
  roots: readonly string[],
): Promise<{ templates: readonly LoadedTemplate[]; faults: readonly string[] }> {
  const byId = new Map<string, LoadedTemplate>();
  const faults: string[] = [];
  for (const root of roots) {
    try {
      for (const folder of await templateFoldersIn(root)) {
        try {
          const loaded = await loadTemplate(root, folder);
          if (!byId.has(loaded.template.id)) byId.set(loaded.template.id, loaded);
        } catch (error) {
          faults.push(`template ${folder}: ${messageOf(error)}`);
        }
      }
    } catch (error) {
      faults.push(`template folder ${root}: ${messageOf(error)}`);
    }
  }
  const templates = [...byId.values()].sort((a, b) => compare(a.template.name, b.template.name));
  return { templates, faults };
}

async function templateFoldersIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const folders: string[] = [];
  for (const entry of entries.sort((a, b) => compare(a.name, b.name))) {
    const folder = join(root, entry.name);
    if (entry.isDirectory() && (await isFile(join(folder, manifestName)))) folders.push(folder);
  }
  if (folders.length > templatesMax) throw new Error(`${folders.length} templates; at most ${templatesMax} are read`);
  return folders;
}

/** @throws Error with a message for people when anything about the folder is not as it should be. */
async function loadTemplate(root: string, folder: string): Promise<LoadedTemplate> {
  const manifestBytes = await readBounded(join(folder, manifestName));
  const manifest = parseJson(TemplateManifest, manifestBytes, manifestName);
  const names = [manifestName, manifest.runner, ...manifest.files];
  if (new Set(names).size !== names.length) throw new Error('template.json names a file twice');
  const confinedTo = await realpath(root);

  const files: { name: string; path: string; bytes: Uint8Array }[] = [];
  for (const name of names) {
    const path = await confine(confinedTo, folder, name);
    files.push({ name, path, bytes: name === manifestName ? manifestBytes : await readBounded(path) });
  }
  const id = folderCid(files.map(({ name, bytes }) => ({ name, cid: contentIdOf(bytes) })));

  const checks = {
    params: compileSchema(manifest.params),
    input: compileSchema(manifest.input),
    output: compileSchema(manifest.output),
  };
  const sampleBytes = files.find(({ name }) => name === sampleName)?.bytes;
  const sample = sampleBytes === undefined ? null : parseJson(TemplateSample, sampleBytes, sampleName);
  if (sample !== null) {
    const wrong = checks.params(sample.params) ?? sample.inputs.map(checks.input).find((fault) => fault !== null);
    if (wrong !== undefined && wrong !== null) throw new Error(`${sampleName} breaks the template's schema: ${wrong}`);
  }
  return {
    template: { ...manifest, id },
    runnerPath: files[1]?.path ?? '',
    folder,
    files: files.map(({ path }) => path),
    contents: files.map(({ name, path }) => ({ name, path })),
    checks,
    sample,
  };
}

/** The real path of a named file, which must lie in the root even when it is a link. */
async function confine(root: string, folder: string, name: string): Promise<string> {
  if (isAbsolute(name) || name.includes('\\'))
    throw new Error(`${name}: expected a relative path with forward slashes`);
  const path = await realpath(resolve(folder, name)).catch(() => {
    throw new Error(`${name} is missing`);
  });
  const inside = relative(root, path);
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw new Error(`${name} lies outside of ${root}`);
  }
  return path;
}

async function readBounded(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size > fileBytesMax) throw new Error(`${path} has ${size} bytes; at most ${fileBytesMax} are read`);
  return await readFile(path);
}

function parseJson<T>(schema: z.ZodType<T>, bytes: Uint8Array, name: string): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Error(`${name} is not JSON: ${messageOf(error)}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Error(`${name}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
