/**
 * The base image of the template `ocr`: Node, and Debian's Tesseract with all that it depends on, taken out of Debian's packages
 * as they are. None of their install scripts runs, so the same packages make the same image. Needs a Debian or Ubuntu, whose
 * `apt-get` chooses, fetches and authenticates the packages; elsewhere a base is named by its digest.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { extract, type Header } from 'tar-stream';
import type { Layer } from './image-archive.ts';

const run = promisify(execFile);
const wanted = ['tesseract-ocr', 'tesseract-ocr-eng'];
const fetchMsMax = 10 * 60_000;
const outputBytesMax = 4 * 2 ** 20;

type Source = AsyncIterable<unknown> & { resume(): unknown };

/** Debian's merged tree: what packages put at the top lies in usr. */
const merged = ['bin', 'sbin', 'lib', 'lib64'];
/** For people, and in languages that Tesseract does not speak. */
const left = /^usr\/share\/(doc|man|info|locale|lintian|bug|bash-completion|mime|thumbnailers)\//;

/** @param cacheFolder keeps the fetched packages. @param node the program of Node. */
export async function addTesseract(layer: Layer, cacheFolder: string, node: string): Promise<void> {
  for (const name of merged) layer.link(name, `usr/${name}`);
  for (const file of await fetchPackages(cacheFolder)) await addPackage(layer, file);
  // The C libraries are Debian's own: of the same release as those that this Node runs on here.
  await layer.file('usr/local/bin/node', await realpath(node), 0o755);
}

/** @returns the package files, sorted. */
async function fetchPackages(cacheFolder: string): Promise<string[]> {
  const archives = join(cacheFolder, 'debian');
  await mkdir(join(archives, 'partial'), { recursive: true });
  // As if nothing were installed: then all that they need is fetched.
  const status = join(archives, 'status');
  await writeFile(status, '');
  const common = [
    '-o',
    `Dir::State::status=${status}`,
    '-o',
    `Dir::Cache::archives=${archives}`,
    '-o',
    'Debug::NoLocking=1',
    '-o',
    'APT::Sandbox::User=',
    '-o',
    'APT::Keep-Downloaded-Packages=1',
    'install',
    '-y',
    '--no-install-recommends',
  ];
  const apt = async (...more: string[]): Promise<string> => {
    try {
      const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
      const options = { timeout: fetchMsMax, maxBuffer: outputBytesMax, env };
      return (await run('apt-get', [...common, ...more, ...wanted], options)).stdout;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `Debian's packages could not be fetched (${reason.trim()}). Try \`apt-get update\`, or name an image that has Node and Tesseract by --base`,
      );
    }
  };
  // Those that are there already are not in the list; and old versions may lie beside them.
  const files = packagesIn(await apt('--print-uris', '-o', 'Dir::Cache::archives=/nonexistent'));
  const present = new Set(await readdir(archives));
  if (files.some((file) => !present.has(file))) await apt('--download-only');
  return files.map((file) => join(archives, file)).sort();
}

/** Of `'http://…/a.deb' a_1%3a2_amd64.deb 1234 SHA256:…`. */
export function packagesIn(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const file = /^'[^']+' (?<file>[\w.+~%:-]+\.deb) \d+ /.exec(line)?.groups?.['file'];
    return file === undefined ? [] : [file];
  });
}

async function addPackage(layer: Layer, file: string): Promise<void> {
  const unpack = spawn('dpkg-deb', ['--fsys-tarfile', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<number | null>((resolve, reject) => {
    unpack.once('error', reject);
    unpack.once('close', resolve);
  });
  exited.catch(() => undefined);
  const files = extract();
  unpack.stdout.pipe(files);
  for await (const entry of files) await addEntry(layer, entry.header, entry);
  const code = await exited;
  if (code !== 0) throw new Error(`${file} could not be unpacked: dpkg-deb ended with ${code}`);
}

async function addEntry(layer: Layer, header: Header, content: Source): Promise<void> {
  const path = placeOf(header.name);
  // No program needs to become another user.
  const mode = header.mode & 0o1777;
  if (path !== null && !layer.has(path)) {
    if (header.type === 'file') {
      layer.folder(path.slice(0, path.lastIndexOf('/')));
      await layer.stream(path, content, header.size, mode);
      return;
    }
    if (header.type === 'directory') layer.folder(path, mode);
    else if (header.type === 'symlink') layer.link(path, header.linkname);
    else if (header.type === 'link') layer.link(path, `/${placeOf(header.linkname) ?? ''}`);
  }
  content.resume();
}

/** In the image; null for what is left out. */
export function placeOf(name: string): string | null {
  const bare = name.replace(/^\.?\/+/, '').replace(/\/+$/, '');
  if (bare === '' || merged.includes(bare)) return null;
  const path = merged.includes(bare.split('/')[0] ?? '') ? `usr/${bare}` : bare;
  return left.test(`${path}/`) ? null : path;
}
