// npm test [-- --quick] [-- --only <check>[,<check>]] [-- <vitest filters>]
//
// Runs every check and every test, goes on after a failure, and ends with one line: `N passed, N failed`.
// A static check counts as one test. `--quick` runs the checks side by side and only the unit tests.
// INFERNET_STRICT=1 (set by .ci/run) makes a skipped test a failure: CI must not be green because it lacked Chromium.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeBinary, root } from './lib/ensure-install.mjs';
import { toolPath } from './lib/tools.mjs';

const { values: options, positionals: filters } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
  allowPositionals: true,
});
const strict = process.env.INFERNET_STRICT === '1';

// What no CI of ours can have; e2e/capabilities.ts and the README name them.
const allowedSkip = /\[needs (electron|gpu)\]/;

const sources = ['node-core', 'electron', 'renderer', 'e2e', 'bench', 'scripts', 'resources/templates'];

/** @type {{ name: string, title: string, commands: [string, ...string[]][] }[]} */
const checks = [
  { name: 'lint', title: 'Lint and format (biome)', commands: [['biome', 'check', '--error-on-warnings', '.']] },
  {
    name: 'types',
    title: 'Types (tsc, svelte-check)',
    commands: [
      ['tsc', '-p', '.'],
      // The protocol also runs in a browser and on a phone: it must type-check without Node.
      ['tsc', '-p', 'tsconfig.protocol.json'],
      ['svelte-check', '--workspace', 'renderer', '--tsconfig', './tsconfig.json', '--fail-on-warnings'],
    ],
  },
  {
    name: 'imports',
    title: 'Import table (dependency-cruiser)',
    commands: [['depcruise', '--output-type', 'err', ...sources.filter((path) => existsSync(join(root, path)))]],
  },
  { name: 'dead-code', title: 'Dead code (knip)', commands: [['knip', '--no-config-hints']] },
  { name: 'build', title: 'Build (electron-vite)', commands: [['electron-vite', 'build', '--logLevel', 'warn']] },
];

const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const notes = [];

if (options.only !== undefined) {
  const wanted = options.only.split(',');
  const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0) {
    console.error(`Unknown check: ${unknown.join(', ')}; known: ${checks.map((check) => check.name).join(', ')}`);
    process.exit(2);
  }
  for (const check of checks) if (wanted.includes(check.name)) await runCheck(check, true);
} else if (options.quick) {
  await Promise.all(checks.map((check) => runCheck(check, false)));
  await runTests(['--project', 'unit', ...filters]);
} else {
  for (const check of checks) await runCheck(check, true);
  await runTests(filters);
}

if (notes.length > 0) console.log(`\n${notes.join('\n')}`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed === 0 ? 0 : 1;

/**
 * @param {typeof checks[number]} check
 * @param {boolean} live show the output while it comes; else only that of a failure, in one piece
 */
async function runCheck({ title, commands }, live) {
  if (live) heading(title);
  const started = Date.now();
  let ok = true;
  let output = '';
  for (const [tool, ...args] of commands) {
    const done = await runTool(tool, args, live);
    ok &&= done.code === 0;
    output += done.output;
  }
  if (!live && !ok) process.stdout.write(`\n${output}`);
  total[ok ? 'passed' : 'failed'] += 1;
  if (!ok) notes.push(`failed: ${title}`);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${title}, ${seconds(started)}`);
}

/** @param {string[]} args */
async function runTests(args) {
  heading('Tests (vitest)');
  const folder = mkdtempSync(join(tmpdir(), 'infernet-test-'));
  try {
    const report = join(folder, 'report.json');
    const started = Date.now();
    const { code } = await runTool(
      'vitest',
      ['run', '--passWithNoTests', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
      true,
    );
    countTests(code, report);
    console.log(`Tests took ${seconds(started)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {number} code
 * @param {string} report
 */
function countTests(code, report) {
  /** @type {{ testResults: { name: string, status: string, message?: string, assertionResults: { fullName: string, status: string }[] }[] }} */
  let results;
  try {
    results = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    // With no test file at all vitest writes no report.
    if (code !== 0) failed(`vitest ended with code ${code} and no report`);
    return;
  }
  const failedBefore = total.failed;
  for (const file of results.testResults) {
    for (const { fullName, status } of file.assertionResults) {
      if (status === 'passed') {
        total.passed += 1;
      } else if (status === 'failed') {
        failed(`failed: ${fullName}`);
      } else if (strict && !allowedSkip.test(fullName)) {
        failed(`skipped, which INFERNET_STRICT=1 forbids: ${fullName}`);
      } else {
        total.skipped += 1;
        notes.push(`skipped: ${fullName}`);
      }
    }
    // A file that could not be loaded has no failing test in it, and a hook may fail after the last one.
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
      failed(`failed: ${file.name}${file.message ? ` (${file.message.split('\n')[0]})` : ''}`);
    }
  }
  if (code !== 0 && total.failed === failedBefore) {
    failed(`vitest ended with code ${code} though no test failed: an unhandled error, see above`);
  }
}

/** @param {string} note */
function failed(note) {
  total.failed += 1;
  notes.push(note);
}

/**
 * @param {string} tool
 * @param {string[]} args
 * @param {boolean} live
 * @returns {Promise<{ code: number, output: string }>}
 */
function runTool(tool, args, live) {
  return new Promise((resolve, reject) => {
    const child = spawn(nodeBinary, [toolPath(tool), ...args], {
      cwd: root,
      stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe'],
    });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      output += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** @param {string} title */
function heading(title) {
  console.log(`\n── ${title}`);
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}
