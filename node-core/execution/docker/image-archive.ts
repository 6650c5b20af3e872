/**
 * An image made without a registry and without a build: one layer of files and a configuration, in the form of
 * `docker save`. Times, owners and modes are fixed, so the same files make the same image, with the same id, everywhere.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { arch } from 'node:process';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { type Header, type Pack, pack } from 'tar-stream';

/** Of all that is packed: a time that never changes. */
export const packedAt = new Date(0);
const created = packedAt.toISOString();

/** By the names that images give architectures. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm' };

export interface ImageConfig {
  /** `name:tag`; the tag should follow from the content. */
  readonly tag: (digest: string) => string;
  readonly env: readonly string[];
  readonly user: string;
}

/** A layer being written. Parents come before what lies in them; a path that was there already is left out. */
export class Layer {
  readonly #pack: Pack = pack();
  readonly #seen = new Set<string>();
  readonly #hash = createHash('sha256');
  readonly #file: string;
  readonly #written: Promise<void>;

  constructor(file: string) {
    this.#file = file;
    const hash = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#hash.update(chunk);
        done(null, chunk);
      },
    });
    this.#written = pipeline(Readable.from(this.#pack), hash, createWriteStream(file));
    // Whoever finishes the layer is told.
    this.#written.catch(() => undefined);
  }

  folder(path: string, mode = 0o755): void {
    if (this.#isNew(path)) this.#pack.entry({ ...headerOf(`${path}/`, mode), type: 'directory' });
  }

  link(path: string, target: string): void {
    if (this.#isNew(path)) this.#pack.entry({ ...headerOf(path, 0o777), type: 'symlink', linkname: target });
  }

  text(path: string, content: string | Buffer, mode = 0o644): void {
    if (this.#isNew(path)) this.#pack.entry(headerOf(path, mode), Buffer.from(content));
  }

  /** A file of this computer. */
  async file(path: string, from: string, mode = 0o644): Promise<void> {
    if (!this.#isNew(path)) return;
    const { size } = await stat(from);
    await this.stream(path, createReadStream(from), size, mode);
  }

  /** @param size bytes, all of which must come. */
  async stream(path: string, content: AsyncIterable<unknown>, size: number, mode: number): Promise<void> {
    this.#seen.add(path);
    await pipeline(content, this.#pack.entry({ ...headerOf(path, mode), size }));
  }

  has(path: string): boolean {
    return this.#seen.has(path);
  }

  /** @returns the SHA-256 of the layer, in hex. */
  async finish(): Promise<string> {
    this.#pack.finalize();
    await this.#written;
    return this.#hash.digest('hex');
  }

  get path(): string {
    return this.#file;
  }

  #isNew(path: string): boolean {
    if (this.#seen.has(path)) return false;
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent !== '') this.folder(parent);
    this.#seen.add(path);
    return true;
  }
}

const headerOf = (name: string, mode: number): Partial<Header> & Pick<Header, 'name'> => ({
  name,
  mode,
  uid: 0,
  gid: 0,
  uname: '',
  gname: '',
  mtime: packedAt,
});

/** Hands an image of one layer to the engine, unless it has it. @returns its id. */
export async function loadImage(engine: Docker, layer: Layer, config: ImageConfig): Promise<string> {
  const diffId = await layer.finish();
  const { env, user } = config;
  const document = JSON.stringify({
    architecture: architectures[arch] ?? arch,
    os: 'linux',
    created,
    config: { Env: env, User: user, WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
    history: [{ created, created_by: 'infernet-desktop templates build' }],
  });
  const digest = createHash('sha256').update(document).digest('hex');
  const tag = config.tag(digest.slice(0, 12));
  const present = await idOf(engine, tag);
  if (present !== null) return present;

  const archive = pack();
  const sent: Promise<NodeJS.ReadableStream> = engine.loadImage(Readable.from(archive), { quiet: true });
  // Where packing fails, that is the fault to show.
  sent.catch(() => undefined);
  const { size } = await stat(layer.path);
  archive.entry(headerOf(`${digest}.json`, 0o644), document);
  const packed = pipeline(createReadStream(layer.path), archive.entry({ ...headerOf('layer.tar', 0o644), size }));
  await Promise.race([packed, sent.then(() => packed)]);
  const manifest = [{ Config: `${digest}.json`, RepoTags: [tag], Layers: ['layer.tar'] }];
  archive.entry(headerOf('manifest.json', 0o644), JSON.stringify(manifest));
  archive.finalize();
  const answer = await sent;
  let said = '';
  for await (const chunk of answer) said = `${said}${String(chunk)}`.slice(-1000);
  const id = await idOf(engine, tag);
  if (id === null) throw new Error(`the engine did not take the image ${tag}: ${said.trim()}`);
  return id;
}

/** An engine may name images otherwise than by their configuration: it is asked. */
async function idOf(engine: Docker, tag: string): Promise<string | null> {
  try {
    return (await engine.getImage(tag).inspect()).Id;
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return null;
    throw error;
  }
}
