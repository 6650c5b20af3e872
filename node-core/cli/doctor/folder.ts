/** The data folder, the disk below it and the key in it. */
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KeyFileError, keyFileName, peerIdOfSeed, readKeyFile } from '../../identity/index.ts';
import { bytesText } from '../text/units.ts';
import { type Check, codeOf, fail, ok, reasonOf, warn } from './check.ts';

const mebibyte = 1024 * 1024;
/** Below this the log soon cannot be written. */
const freeBytesMin = 200 * mebibyte;
const othersMask = 0o077;
const storeFileName = 'node.db';

/** @param workBytesMin below it a provider takes no work (`host.diskFreeBytesMin`). */
export async function folderChecks(folder: string, workBytesMin: number): Promise<Check[]> {
  const exists = await isThere(folder);
  return [
    await folderCheck(folder, exists),
    await diskCheck(exists ? folder : await nearestFolder(folder), workBytesMin),
    await keyCheck(folder, exists),
  ];
}

async function folderCheck(folder: string, exists: boolean): Promise<Check> {
  const name = 'data folder';
  const place = exists ? folder : await nearestFolder(folder);
  try {
    await access(place, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return fail(
      name,
      `${place} cannot be written to: ${reasonOf(error)}`,
      'give it to the user that runs the node (chown), or name another by --data',
    );
  }
  if (!exists) return ok(name, `${folder} is not there yet; the node makes it at its first start`);
  const { mode } = await stat(folder);
  if (process.platform !== 'win32' && (mode & othersMask) !== 0) {
    return warn(
      name,
      `${folder} is open to others (mode ${(mode & 0o777).toString(8)}, expected 700)`,
      `chmod 700 '${folder}'`,
    );
  }
  return ok(name, folder);
}

async function diskCheck(folder: string, workBytesMin: number): Promise<Check> {
  const name = 'disk';
  try {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const found = `${bytesText(free)} free`;
    if (free < freeBytesMin)
      return fail(name, found, `free at least ${bytesText(freeBytesMin)}, or move the data folder to another disk`);
    if (free < workBytesMin)
      return warn(
        name,
        found,
        `free some space, or set host.diskFreeBytesMin lower: below ${bytesText(workBytesMin)} a provider takes no work`,
      );
    return ok(name, found);
  } catch (error) {
    return warn(
      name,
      `the free space cannot be read: ${reasonOf(error)}`,
      `see what \`df '${folder}'\` says, and name a data folder on a disk of this computer by --data`,
    );
  }
}

async function keyCheck(folder: string, exists: boolean): Promise<Check> {
  const name = 'key file';
  const path = join(folder, keyFileName);
  try {
    const seed = exists ? await readKeyFile(path) : null;
    if (seed !== null) return ok(name, `${peerIdOfSeed(seed)}, readable by its owner only`);
    if (exists && (await isThere(join(folder, storeFileName)))) {
      return fail(
        name,
        `${path} is missing, and the data beside it belongs to that key`,
        'put back a copy of it, or import the recovery phrase into an empty folder and move the key here',
      );
    }
    return ok(name, 'none yet; the node makes it at its first start');
  } catch (error) {
    if (error instanceof KeyFileError)
      return fail(
        name,
        error.message,
        error.problem === 'readable-by-others'
          ? `chmod 600 '${path}'`
          : 'put back a copy of it, or move it away and import the recovery phrase (`identity import`)',
      );
    return fail(name, `${path} cannot be read: ${reasonOf(error)}`, 'give it to the user that runs the node (chown)');
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    return true;
  }
}

async function nearestFolder(folder: string): Promise<string> {
  for (let place = dirname(folder); ; place = dirname(place)) {
    if ((await isThere(place)) || place === dirname(place)) return place;
  }
}
