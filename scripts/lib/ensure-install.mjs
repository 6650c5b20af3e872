// Makes sure that node_modules holds what package-lock.json names, and Node 24 with it, before anything else runs.
//
// Runs on the system's Node (20 or newer) and uses nothing but its built-ins, since nothing may be installed yet.
// When the lockfile's SHA-256 is the one stamped at the last install, this costs one file read.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.infernet-lock');
// Outside node_modules, because `npm ci` deletes that folder first.
const lockFile = join(root, '.infernet', 'install.lock');

const installWaitMsMax = 15 * 60_000;
const takeoverMsMax = 10_000;

/** The real binary, not npm's link or shell shim, so that signals and exit codes reach it directly. */
export const nodeBinary = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

export class InstallError extends Error {}

/** @param {string} line */
const say = (line) => process.stderr.write(`infernet: ${line}\n`);

function lockfileStamp() {
  const sum = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${sum} ${process.platform}-${process.arch}\n`;
}

/** @param {string} stamp */
const isStamped = (stamp) => existsSync(nodeBinary) && readIfThere(stampFile) === stamp;

/** @param {string} path */
function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, link?: boolean }} LockEntry
 * @typedef {{ packages?: Record<string, LockEntry> }} Lockfile
 */

/**
 * Whether a plain `npm install` already put exactly the lockfile's packages in place (npm keeps its own record
 * in node_modules/.package-lock.json). Saves a second install to those who type `npm install` by habit.
 */
function isInstalledByNpm() {
  const record = readIfThere(join(modules, '.package-lock.json'));
  if (record === undefined) return false;
  try {
    /** @type {Lockfile} */
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    /** @type {Lockfile} */
    const found = JSON.parse(record);
    const foundPackages = found.packages ?? {};
    const wantedPackages = wanted.packages ?? {};
    for (const [path, entry] of Object.entries(wantedPackages)) {
      if (path === '') continue;
      const there = foundPackages[path];
      if (there === undefined) {
        // Another platform's package.
        if (entry.optional || entry.devOptional) continue;
        return false;
      }
      if (there.version !== entry.version || there.integrity !== entry.integrity) return false;
      if (!existsSync(join(root, path))) return false;
    }
    return Object.keys(foundPackages).every((path) => path in wantedPackages);
  } catch {
    return false;
  }
}

/**
 * The npm that started us, or the one in the PATH.
 * @param {string[]} args
 * @param {string} what
 */
function npm(args, what) {
  const npmScript = process.env.npm_execpath;
  const viaScript = npmScript !== undefined && /npm-cli\.c?js$/.test(npmScript);
  const [file, prefix] = viaScript ? [process.execPath, [npmScript]] : ['npm', []];
  const done = spawnSync(file, [...prefix, ...args], {
    cwd: root,
    // stdout belongs to the command that the user asked for; progress goes to stderr.
    stdio: ['ignore', 2, 2],
    // npm is a .cmd file on Windows.
    shell: !viaScript && process.platform === 'win32',
  });
  if (done.error) {
    throw new InstallError(`${what} failed: npm could not be started (${done.error.message}). Is npm installed?`);
  }
  if (done.status !== 0) {
    throw new InstallError(
      `${what} failed (${done.signal ?? `exit code ${done.status}`}); npm's own message is above. ` +
        'Check the internet connection and the free disk space, then start the same command again.',
    );
  }
}

/** @param {string} stamp */
function install(stamp) {
  const gpuThere = existsSync(join(modules, '.infernet-gpu'));
  if (!isInstalledByNpm()) {
    say('installing packages (about 700 MB on disk, usually one to three minutes) …');
    const started = Date.now();
    npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], 'Installing packages');
    say(`packages installed in ${Math.round((Date.now() - started) / 1000)} s`);
    if (gpuThere)
      say(
        'the GPU builds of llama.cpp were removed by this; get them back with `npm run gpu:install` (infernet-desktop gpu install)',
      );
  }
  if (!existsSync(nodeBinary)) {
    say('fetching Node 24 …');
    npm(['rebuild', 'node', '--ignore-scripts=false', '--loglevel=error'], 'Fetching Node 24');
    if (!existsSync(nodeBinary)) {
      throw new InstallError(`Fetching Node 24 failed: npm reported success, but ${nodeBinary} is not there.`);
    }
  }
  writeFileSync(stampFile, stamp);
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** @param {unknown} error */
const isThereAlready = (error) => error instanceof Error && 'code' in error && error.code === 'EEXIST';

/** Removes the lock of an installer that died. Two waiters may try at once: one of them gets to do it. */
function removeStaleLock() {
  const takeover = `${lockFile}.takeover`;
  try {
    writeFileSync(takeover, '', { flag: 'wx' });
  } catch (error) {
    if (!isThereAlready(error)) throw error;
    if (Date.now() - (statSync(takeover, { throwIfNoEntry: false })?.mtimeMs ?? 0) > takeoverMsMax) {
      rmSync(takeover, { force: true });
    }
    return;
  }
  try {
    const holder = Number(readIfThere(lockFile));
    if (!Number.isInteger(holder) || holder <= 0 || !isAlive(holder)) rmSync(lockFile, { force: true });
  } finally {
    rmSync(takeover, { force: true });
  }
}

/** Takes the lock, or answers the pid of its holder. */
function tryLock() {
  mkdirSync(dirname(lockFile), { recursive: true });
  const mine = `${lockFile}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    // A link appears at once with its content: nobody ever reads a lock without a pid in it.
    linkSync(mine, lockFile);
    return undefined;
  } catch (error) {
    if (!isThereAlready(error)) throw error;
    return Number(readIfThere(lockFile) ?? '0');
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Installs what is missing. Throws InstallError with a message for the user. */
export async function ensureInstall() {
  const stamp = lockfileStamp();
  if (isStamped(stamp)) return;

  const deadline = Date.now() + installWaitMsMax;
  let told = false;
  for (;;) {
    const holder = tryLock();
    if (holder === undefined) break;
    if (holder <= 0 || !isAlive(holder)) {
      removeStaleLock();
      continue;
    }
    if (!told) say(`another start (process ${holder}) is installing; waiting for it …`);
    told = true;
    if (Date.now() > deadline) {
      throw new InstallError(
        `Waited ${installWaitMsMax / 60_000} minutes for process ${holder} to install; giving up.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  try {
    // The one we waited for may have done all of it.
    if (!isStamped(stamp)) install(stamp);
  } finally {
    rmSync(lockFile, { force: true });
  }
}
