/**
 * The key file: who this node is.
 *
 *     const { seed, created } = await loadOrCreateKey(join(dataFolder, 'identity.key'));
 *
 * JSON with the seed and its peer id. The peer id is there as a checksum: a file with one flipped bit is refused, where
 * it would else quietly be another node. The file is never overwritten: the reputation and the credits of a node hang on
 * it.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Base64Url, fromBase64Url, PeerId, toBase64Url, z } from '../protocol/index.ts';
import { seedBytes } from './ed25519.ts';
import { peerIdOfSeed } from './signer.ts';

export const keyFileName = 'identity.key';

const KeyFile = z.object({
  version: z.literal(1),
  type: z.literal('ed25519'),
  peerId: PeerId,
  seed: Base64Url,
});
const keyFileBytesMax = 4096;
/** Anything for the group or for others. */
const othersMask = 0o077;

export type KeyFileProblem = 'readable-by-others' | 'damaged' | 'exists' | 'missing';

export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  readonly problem: KeyFileProblem;
  constructor(problem: KeyFileProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

/**
 * @param mayCreate false where there is data of an older key already: a new key would only be a second loss.
 * @throws KeyFileError, or an error of the file system.
 */
export async function loadOrCreateKey(path: string, mayCreate = true): Promise<{ seed: Uint8Array; created: boolean }> {
  const present = await readKeyFile(path);
  if (present !== null) return { seed: present, created: false };
  if (!mayCreate) {
    throw new KeyFileError(
      'missing',
      `the key file ${path} is missing, and the data beside it belongs to that key. Put back a copy of the key file, restore it from the recovery phrase, or start a new node in another data folder`,
    );
  }
  const seed = new Uint8Array(randomBytes(seedBytes));
  try {
    await createKeyFile(path, seed);
    return { seed, created: true };
  } catch (error) {
    // Another process was faster; its key is the node's.
    if (!(error instanceof KeyFileError && error.problem === 'exists')) throw error;
    const theirs = await readKeyFile(path);
    if (theirs === null) throw error;
    return { seed: theirs, created: false };
  }
}

/**
 * @returns the seed, or null when there is no such file.
 * @throws KeyFileError when others can read the file, or when it is damaged.
 */
export async function readKeyFile(path: string): Promise<Uint8Array | null> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const { mode, size } = await file.stat();
    if (process.platform !== 'win32' && (mode & othersMask) !== 0) {
      throw new KeyFileError(
        'readable-by-others',
        `others on this computer may read or write the key file (mode ${octal(mode)}, expected 600); to close it, run: chmod 600 ${shellQuoted(path)}`,
      );
    }
    if (size > keyFileBytesMax) throw damaged(path, `it has ${size} bytes`);
    return parseKeyFile(path, await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

/**
 * Writes a new key file, whole or not at all.
 * @throws KeyFileError `exists` when there is one already, whatever is in it.
 */
export async function createKeyFile(path: string, seed: Uint8Array): Promise<void> {
  const content = { version: 1, type: 'ed25519', peerId: peerIdOfSeed(seed), seed: toBase64Url(seed) };
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeDurably(temporary, `${JSON.stringify(content, null, 2)}\n`);
    // Unlike rename, link refuses to replace what is there.
    await link(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      throw new KeyFileError('exists', `${path} exists already; a key file is never overwritten`, { cause: error });
    }
    throw error;
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

function parseKeyFile(path: string, text: string): Uint8Array {
  let parsed: z.infer<typeof KeyFile>;
  let seed: Uint8Array;
  try {
    parsed = KeyFile.parse(JSON.parse(text));
    seed = fromBase64Url(parsed.seed);
  } catch (error) {
    // The cause may quote the file, and the file is a secret: it is not passed on.
    throw damaged(path, error instanceof SyntaxError ? 'it is not JSON' : 'it does not hold what a key file holds');
  }
  if (seed.length !== seedBytes) throw damaged(path, `its seed has ${seed.length} bytes, not ${seedBytes}`);
  if (peerIdOfSeed(seed) !== parsed.peerId) throw damaged(path, 'its seed and its peer id do not belong together');
  return seed;
}

function damaged(path: string, why: string): KeyFileError {
  return new KeyFileError(
    'damaged',
    `the key file ${path} is damaged: ${why}. Put back a copy of it, or move it away and restore the key from the recovery phrase. A node without this key is a new node: it has neither the old one’s reputation nor its credits`,
  );
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Without this the name of a new file may be gone after a loss of power. Windows has no such call. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, '0');
}

function shellQuoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
