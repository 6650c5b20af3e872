/** What the tests of this room share: folders that go away, a runner that misbehaves on request. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CancelSignal, Executor, HoldSignal, InstalledTemplate, RunOutcome, StopSignal } from '../ports/index.ts';
import type { Json, TemplateManifest } from '../protocol/index.ts';

export const shippedTemplates = fileURLToPath(new URL('../../resources/templates', import.meta.url));
export const shippedModels = fileURLToPath(new URL('../../resources/models', import.meta.url));

export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'infernet-execution-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export function cancelSource(): CancelSignal & { cancel(): void } {
  const listeners: (() => void)[] = [];
  let cancelled = false;
  return {
    get cancelled() {
      return cancelled;
    },
    onCancel: (run) => void listeners.push(run),
    cancel: () => {
      cancelled = true;
      for (const run of listeners) run();
    },
  };
}

export function stopSource(): StopSignal & { stop(item: number | null): void } {
  const listeners: ((item: number | null) => void)[] = [];
  const stops: (number | null)[] = [];
  return {
    onStop: (run) => {
      listeners.push(run);
      for (const item of stops) run(item);
    },
    stop: (item) => {
      stops.push(item);
      for (const run of listeners) run(item);
    },
  };
}

export function holdSource(): HoldSignal & { set(held: boolean): void } {
  const listeners: ((held: boolean) => void)[] = [];
  let held = false;
  return {
    get held() {
      return held;
    },
    onChange: (run) => void listeners.push(run),
    set: (now) => {
      held = now;
      for (const run of listeners) run(now);
    },
  };
}

export interface Ask {
  readonly params?: Record<string, Json>;
  readonly inputs?: Json[];
  readonly timeoutMs?: number;
  readonly signal?: CancelSignal;
  readonly hold?: HoldSignal;
  readonly onProgress?: (itemsDone: number) => void;
}

/** Runs three short texts, or what is asked, on a template without a model. */
export function askOf(
  executor: Executor,
  installed: InstalledTemplate | undefined,
  asked: Ask = {},
): Promise<RunOutcome> {
  return executor.run(
    {
      runId: 'test',
      template: installed?.template.id ?? '',
      model: null,
      params: asked.params ?? {},
      inputs: asked.inputs ?? [{ text: 'a' }, { text: 'b' }, { text: 'c' }],
      timeoutMs: asked.timeoutMs ?? 20_000,
      ...(asked.hold !== undefined && { hold: asked.hold }),
      onProgress: asked.onProgress ?? (() => undefined),
    },
    asked.signal ?? cancelSource(),
  );
}

export const manifestOf = (changes: Partial<TemplateManifest> = {}): TemplateManifest => ({
  name: 'fake',
  version: '1.0.0',
  title: 'Fake',
  description: 'does what the test asks for',
  verifier: 'exact',
  honestDisagreementPpm: 0,
  streaming: false,
  stateless: true,
  runner: 'runner.mjs',
  files: [],
  needsModel: false,
  resources: { memoryMiB: 64, timeoutMs: 10_000, outputBytesMax: 4096 },
  params: { type: 'object' },
  input: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
  output: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
  ...changes,
});

export async function writeTemplate(
  root: string,
  manifest: TemplateManifest,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = join(root, manifest.name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'template.json'), JSON.stringify(manifest));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** A runner that does what `params.mode` says; the default is to give each input back. */
export const moodyRunner = `
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const attempt = (what) => { try { what(); return 'allowed'; } catch (error) { return error.code ?? error.message; } };

function run({ id, params, inputs }) {
  const out = (index, text) => say({ type: 'output', id, index, output: { text } });
  const done = () => say({ type: 'done', id });
  switch (params.mode) {
    case 'garbage': process.stdout.write('Loading weights... 100%\\n'); return;
    case 'long-line': process.stdout.write('x'.repeat(100_000)); return;
    case 'too-much': for (let i = 0; i < inputs.length; i++) out(i, 'y'.repeat(1000)); return done();
    case 'too-few': out(0, 'only one'); return done();
    case 'twice': out(0, 'a'); out(0, 'b'); return done();
    case 'beyond': out(inputs.length, 'a'); return done();
    case 'schema': say({ type: 'output', id, index: 0, output: { txt: 'typo' } }); return done();
    case 'surrogate': process.stdout.write('{"type":"output","id":"' + id + '","index":0,"output":{"text":"\\\\ud800"}}\\n'); return;
    case 'tokens': for (const piece of params.pieces) say({ type: 'token', id, ...piece });
      inputs.forEach((_, index) => say({ type: 'output', id, index, output: { text: params.text, tokenIds: params.tokenIds } }));
      return done();
    case 'hang': say({ type: 'progress', id, itemsDone: 1 }); return;
    case 'busy': for (;;);
    case 'steps': {
      let step = 0;
      const timer = setInterval(() => {
        say({ type: 'progress', id, itemsDone: Math.min(++step, inputs.length) });
        if (step < inputs.length) return;
        clearInterval(timer);
        inputs.forEach(({ text }, index) => out(index, text));
        done();
      }, params.everyMs);
      return;
    }
    case 'die': console.error('about to die'); process.exit(7);
    case 'memory': { const kept = []; for (;;) kept.push(new Array(1e6).fill(Math.random())); }
    case 'refuse': return say({ type: 'error', id, code: 'bad-input', message: 'not this one' });
    case 'odd-code': return say({ type: 'error', id, code: 'gremlins', message: 'who knows' });
    case 'reversed': for (let i = inputs.length - 1; i >= 0; i--) out(i, inputs[i].text); return done();
    case 'fill': try { writeFileSync('/tmp/full', Buffer.alloc(params.bytes)); } catch (error) { console.error(error.code); process.exit(3); } return done();
    case 'deaf': process.on('SIGTERM', () => undefined); say({ type: 'progress', id, itemsDone: 1 }); return;
    case 'who': out(0, String(process.pid) + ' ' + (globalThis.runs = (globalThis.runs ?? 0) + 1)); return done();
    case 'host': out(0, [
      attempt(() => readFileSync(params.path)),
      attempt(() => writeFileSync(params.path + '.new', 'x')),
      attempt(() => execFileSync('/bin/true')),
      JSON.stringify(process.env),
      process.permission.has('addon'),
    ].join(' ')); return done();
    default:
      inputs.forEach(({ text }, index) => { out(index, text); say({ type: 'progress', id, itemsDone: index + 1 }); });
      done();
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const message = JSON.parse(line);
    if (message.type === 'load' && process.env.INFERNET_TEST_SILENT !== '1') say({ type: 'ready' });
    if (message.type === 'run') run(message);
  })
  .on('close', () => process.exit(0));
`;

/** Modes of it that break the contract or fail, with how a run then ends: in a process and in a container alike. */
export const misbehaviours: ReadonlyArray<readonly [mode: string, code: string, message: RegExp]> = [
  ['garbage', 'container', /a line that is no message: "Loading weights\.\.\. 100%"/],
  ['long-line', 'container', /a line of more than 5120 bytes/],
  ['too-few', 'container', /said done after 1 outputs for 3 inputs/],
  ['twice', 'container', /wrote output 0 twice/],
  ['beyond', 'container', /wrote output 3 of 3/],
  ['schema', 'container', /against the template's schema: text: is missing/],
  ['surrogate', 'container', /a line that is no message/],
  ['die', 'container', /exit code 7; it last wrote: about to die/],
  ['memory', 'out-of-memory', /ran out of memory/],
  ['refuse', 'bad-input', /not this one/],
  ['odd-code', 'container', /who knows/],
];
