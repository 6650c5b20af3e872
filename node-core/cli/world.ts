/** The process's own terminal, files and node. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout as later } from 'node:timers/promises';
import { defaultConfigFile, defaultDataFolder, loadConfig } from '../config/index.ts';
import { type ControlClient, connectControl } from '../control/index.ts';
import { ApiError } from '../protocol/index.ts';
import type { Context, Input } from './context.ts';
import { CliError } from './exit-codes.ts';
import type { Place, World } from './program.ts';
import { programName } from './table.ts';
import { Terminal } from './text/terminal.ts';

const { stdin, stdout, stderr, env } = process;
const clients = new Set<ControlClient>();
const interruption = new AbortController();
let interruptible = false;

// `… | head` has read enough.
stdout.on('error', () => process.exit(0));
stderr.on('error', () => {});

const out = new Terminal(stdout, env);
const err = new Terminal(stderr, env);

export const realWorld: World = {
  out: (text) => void stdout.write(text),
  err: (text) => void stderr.write(text),
  context: (place) => contextOf(place),
};

/** Closes what is open; what was written reaches its reader. */
export async function closeWorld(): Promise<void> {
  await Promise.all([...clients].map((client) => client.close()));
  await Promise.all([stdout, stderr].map((stream) => new Promise<void>((done) => stream.write('', () => done()))));
}

function contextOf(place: Place): Context {
  let folder: Promise<string> | null = null;
  const configFile = () => place.config ?? (existsSync(defaultConfigFile()) ? defaultConfigFile() : null);
  const dataFolder = () => {
    folder ??= findFolder(place, configFile());
    return folder;
  };
  let client: ControlClient | null = null;
  return {
    out,
    err,
    input,
    env,
    dataFolder,
    configFile,
    async connect() {
      if (client !== null) return client;
      const opened = await connected(await dataFolder(), place);
      clients.add(opened);
      client = opened;
      void opened.closed.then(() => {
        clients.delete(opened);
        if (client === opened) client = null;
      });
      return opened;
    },
    commandLine: (words) => commandLine(words, place),
    now: () => Date.now(),
    sleep: (ms) => later(ms, undefined, { signal: interruption.signal }).catch(() => {}),
    interruption() {
      if (!interruptible) {
        interruptible = true;
        // The second one ends the process, as always.
        process.once('SIGINT', () => interruption.abort());
      }
      return interruption.signal;
    },
    onInterrupt(run) {
      process.once('SIGINT', run);
      return () => process.off('SIGINT', run);
    },
  };
}

async function findFolder(place: Place, configFile: string | null): Promise<string> {
  if (place.data !== null) return resolve(place.data);
  if (configFile === null) return defaultDataFolder();
  return (await loadConfig({ path: configFile }, { dataFolder: defaultDataFolder() })).dataFolder;
}

async function connected(folder: string, place: Place): Promise<ControlClient> {
  try {
    return await connectControl(folder);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.kind !== 'unavailable') throw new CliError('not-allowed', error.message, { cause: error });
    const message = `${error.message}.\nStart one by: ${commandLine('--headless', place)}`;
    throw new CliError('no-node', message.replaceAll('..\n', '.\n'), { cause: error });
  }
}

function commandLine(words: string, { data, config }: Place): string {
  const program = env['npm_lifecycle_event'] === 'cli' ? 'npm run cli --' : programName;
  const place = [...(data === null ? [] : ['--data', data]), ...(config === null ? [] : ['--config', config])];
  return [
    program,
    words,
    ...place.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)),
  ].join(' ');
}

const input: Input = {
  get isTerminal() {
    return stdin.isTTY === true;
  },
  async readAll(bytesMax) {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of stdin) {
      const chunk = Buffer.from(part);
      bytes += chunk.length;
      if (bytes > bytesMax) throw new CliError('usage', `the standard input is too large: at most ${bytesMax} bytes`);
      parts.push(chunk);
    }
    return Buffer.concat(parts).toString('utf8');
  },
  async ask(question) {
    // Questions are not part of the answer.
    const lines = createInterface({ input: stdin, output: stderr });
    const closed = new Promise<null>((ended) => lines.once('close', () => ended(null)));
    try {
      return await Promise.race([lines.question(question), closed]);
    } finally {
      lines.close();
    }
  },
};
