/** `--json` of each command, against a real node in virtual time: what it writes is one document (or a line each, where it says so). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyFile } from '../identity/index.ts';
import { simulatedTemplate } from '../simulation/executor.ts';
import { type SimulatedNode, World } from '../simulation/world.ts';
import { commands } from './table.ts';
import { FakeClient, runCli } from './testing.ts';

const template = simulatedTemplate.name;
/** Without `--json`; a file stands for one that is there. */
const lines: ReadonlyArray<readonly [name: string, words: readonly string[]]> = [
  ['plan', ['plan', 'FILE', '--template', template]],
  ['submit', ['submit', 'FILE', '--template', template, '--wait', '--priority', '7', '--yes']],
  ['submit', ['submit', 'FILE', '--template', template, '--no-wait', '--yes']],
  ['cancel', ['cancel', 'last']],
  ['jobs', ['jobs']],
  ['job', ['job', 'last']],
  ['job', ['job', 'last', '--why']],
  ['results', ['results', 'last']],
  ['status', ['status']],
  ['status', ['status', '--why']],
  ['pause', ['pause']],
  ['resume', ['resume']],
  ['peers', ['peers']],
  ['offers', ['offers']],
  ['wallet', ['wallet']],
  ['wallet', ['wallet', '--ledger']],
  ['logs', ['logs']],
  ['export', ['export']],
  ['doctor', ['doctor']],
  ['gpu status', ['gpu', 'status']],
  ['identity export', ['identity', 'export', '--force']],
  ['config show', ['config', 'show']],
  ['config check', ['config', 'check', 'CONFIG']],
  ['config path', ['config', 'path']],
  ['templates list', ['templates', 'list']],
  ['templates test', ['templates', 'test', 'null', '--in', 'embedded']],
  ['templates new', ['templates', 'new', 'mine', '--folder', 'NEW']],
];
/**
 * Those whose JSON is a line each, one that changes the running node's settings, one that needs an empty folder and words, one
 * that needs a container engine, and one that fetches.
 */
const elsewhere = ['chat', 'config set', 'identity import', 'completion', 'templates build', 'gpu install'];

let folder: string;
let world: World;
let client: SimulatedNode;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-json-'));
  writeFileSync(join(folder, 'node.yaml'), '');
  writeFileSync(join(folder, 'items.jsonl'), '{"n":1}\n{"n":2}\n');
  await createKeyFile(join(folder, 'identity.key'), new Uint8Array(32).fill(9));
  world = new World({ seed: 11 });
  client = world.add({ name: 'client' });
  for (const name of ['a', 'b', 'c']) world.add({ name, provider: true });
  for (const node of world.nodes) node.start();
  await world.run(30_000);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(words: readonly string[]) {
  const connect = () => {
    const carrier = new FakeClient();
    carrier.call = (method, params) => client.node.api.call(method, params);
    return carrier;
  };
  const files: Readonly<Record<string, string>> = { FILE: 'items.jsonl', CONFIG: 'node.yaml', NEW: 'templates' };
  const all = [...words.map((word) => (files[word] === undefined ? word : join(folder, files[word]))), '--json'];
  let isOver = false;
  const ended = runCli(all, { connect, dataFolder: folder }).finally(() => {
    isOver = true;
  });
  // The command reads real files, the node lives in virtual time: both get on by turns. The test's own limit ends it.
  for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 0))) await world.run(20, () => isOver);
  return ended;
}

describe('--json', () => {
  it.each(lines)('of %s is one document: %j', async (_name, words) => {
    const { exit, out, err } = await run(words);
    expect(['ok', 'failed'], err).toContain(exit);
    expect(typeof JSON.parse(out), out).toBe('object');
  });

  it('is seen in each command', () => {
    const seen = new Set([...lines.map(([name]) => name), ...elsewhere]);
    expect(commands.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual([]);
  });
});

describe('doctor', () => {
  it('warns of each pause of the provider, with what to do', async () => {
    await run(['pause']);
    const { checks } = JSON.parse((await run(['doctor'])).out);
    await run(['resume']);
    expect(checks).toContainEqual(
      expect.objectContaining({ name: 'provider', state: 'warn', fix: expect.stringContaining('`resume`') }),
    );
  });
});
