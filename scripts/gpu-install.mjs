// npm run gpu:install [-- [cuda | vulkan] [--yes]]
//
// Fetches the llama.cpp build for this computer's graphics card. These builds weigh up to 450 MB, so package.json
// overrides them away and only those who have the card fetch them. Without an argument: CUDA where `nvidia-smi`
// answers, Vulkan elsewhere. It says how large they are and asks first; --yes answers. Never tried on such a card here. Macs need nothing: the Metal build is part of the default install.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { root } from './lib/ensure-install.mjs';

// As in package-lock.json for everything else: what is fetched is exactly what was reviewed.
const version = '3.21.1';
/** @type {Readonly<Record<string, string>>} */
const integrityOf = {
  'linux-x64-cuda': 'sha512-idsE55VoD/FbvLhnBC9krUJaUoC0XnebseAAnCpm/brKf61HEbu+idgbb5eN6mxkjLSrHtILprJ0nDcUJjVrFg==',
  'linux-x64-cuda-ext':
    'sha512-1PuURowccBcks3CCoMe1mTHh5vD0V5bFHMUEgtbI/OSDjpP+Pdbn+lf42CGUrepTzR8kCH1HovQ7d8q6/vuIKA==',
  'linux-x64-vulkan': 'sha512-flEeSzONQ6OIm5bYKLQf4eEnBzcC5WugFbyPUwkCqyyOFZ8pH0H9ulQ7ZNDLSIczeKneMRJornlyY1Hq7d3GDA==',
  'win-x64-cuda': 'sha512-PLz70neFEMkQTlmJqG1ujUtCSgHasLPMxQ9rLkqQVmZYAXqkRj+45TIHCjdn3XqUeaoun0vrO9rRaxZ8NVq9jg==',
  'win-x64-cuda-ext': 'sha512-L2MxLVEYPDDe4O8EDWPmX6brldc9+Vt9hNoT/anj3pSnmrjkQcmaoKhHs6oP5qhEhb5Uog0rj6lgzNGtJO3p9Q==',
  'win-x64-vulkan': 'sha512-HJ237Azh5m4Sz+w3A1IU/fYLaSDOocskcfn2ILTgqTuuORCB86EMnu3Yt/XsNhRHTtEiwz1Q/E0mO4PLIbZLAA==',
};

const shell = process.platform === 'win32';
const [asked] = process.argv.slice(2).filter((word) => word !== '--yes');
const isAgreed = process.argv.includes('--yes');
if (asked !== undefined && asked !== 'cuda' && asked !== 'vulkan') fail(`"${asked}" is neither cuda nor vulkan`);
if (process.platform === 'darwin') {
  console.log('Nothing to fetch: on a Mac the Metal build is already installed.');
  process.exit(0);
}
if (process.arch !== 'x64') fail(`there is no GPU build of llama.cpp for ${process.platform}-${process.arch}`);

const backend = asked ?? (spawnSync('nvidia-smi', ['-L']).status === 0 ? 'cuda' : 'vulkan');
const platform = process.platform === 'win32' ? 'win-x64' : 'linux-x64';
const names = backend === 'cuda' ? [`${platform}-cuda`, `${platform}-cuda-ext`] : [`${platform}-vulkan`];

const installed = JSON.parse(readFileSync(join(root, 'node_modules/node-llama-cpp/package.json'), 'utf8')).version;
if (installed !== version) {
  fail(
    `node-llama-cpp is ${installed}, but the hashes in scripts/gpu-install.mjs are those of ${version}; update them`,
  );
}
if (!(await agreed())) fail('nothing was fetched');
for (const name of names) fetchPackage(name);
// So that a later `npm ci`, which removes them, can say so.
writeFileSync(join(root, 'node_modules/.infernet-gpu'), `${names.join('\n')}\n`);
console.log(`Done. Set execution.gpu to "${backend}": infernet-desktop config set execution.gpu ${backend}`);

async function agreed() {
  const size = backend === 'cuda' ? 'up to 450 MB' : 'up to 160 MB';
  console.log(
    `The ${backend} build of llama.cpp is ${size} to fetch (${names.map((name) => `@node-llama-cpp/${name}`).join(', ')}).`,
  );
  console.log('It was never tried on hardware by those who wrote this.');
  if (isAgreed) return true;
  if (!process.stdin.isTTY) {
    console.log('Run it again with --yes to fetch it.');
    return false;
  }
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await asking.question('Fetch it? [y/N] ');
  asking.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** @param {string} name */
function fetchPackage(name) {
  const scope = join(root, 'node_modules/@node-llama-cpp');
  const target = join(scope, name);
  if (existsSync(target)) {
    console.log(`@node-llama-cpp/${name} is already there.`);
    return;
  }
  console.log(`Fetching @node-llama-cpp/${name}@${version} …`);
  mkdirSync(scope, { recursive: true });
  // Beside its final place, so that the last step is one atomic rename.
  const work = mkdtempSync(join(scope, '.fetch-'));
  try {
    run('npm', ['pack', `@node-llama-cpp/${name}@${version}`, '--pack-destination', work, '--loglevel=error']);
    const tarball = readdirSync(work).find((file) => file.endsWith('.tgz'));
    if (tarball === undefined) fail('npm pack left no file');
    const sum = createHash('sha512')
      .update(readFileSync(join(work, tarball)))
      .digest('base64');
    if (`sha512-${sum}` !== integrityOf[name]) fail(`@node-llama-cpp/${name} is not the reviewed file: wrong SHA-512`);
    run('tar', ['-xzf', join(work, tarball), '-C', work]);
    renameSync(join(work, 'package'), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  const done = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], shell });
  if (done.status !== 0) throw new Error(`${command} ${args[0]} failed: ${done.error?.message ?? done.status}`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`gpu-install: ${message}`);
  process.exit(1);
}
