/**
 * The Logger port by pino: one JSON object a line, for log collectors as for people with `jq`.
 *
 *     const { log, flush } = createLogger({ level: 'info' });
 *     log.info({ peerId, addresses }, 'online');
 *
 * Secrets and payloads never get out: the value of each key that names one is replaced, at any depth, whatever its type.
 * Lines are written without waiting for the reader, so that a stuck terminal does not stop the node; what a reader leaves
 * lying beyond {@link bufferBytesMax} is dropped.
 */
import { destination as fileDestination, pino, stdTimeFunctions } from 'pino';
import type { LogFields, Logger } from './ports/index.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where lines go; by default the standard error output. */
  readonly destination?: { write(line: string): void };
}

export interface OpenLogger {
  readonly log: Logger;
  /** Of what is logged from now on. */
  setLevel(level: LogLevel): void;
  /** Resolves when what was logged is written: before the process ends. With a stuck reader that may be never. */
  flush(): Promise<void>;
}

const stderr = 2;
const bufferBytesMax = 4 * 1024 * 1024;

const redacted = '[redacted]';
const depthMax = 6;
const entriesMax = 100;
const lettersMax = 2_000;

/** A key with one of these words in it holds a secret, or what somebody asked or was answered. */
const secretWords: ReadonlySet<string> = new Set([
  'authorization',
  'completion',
  'content',
  'credential',
  'credentials',
  'input',
  'inputs',
  'messages',
  'mnemonic',
  'output',
  'outputs',
  'passphrase',
  'password',
  'payload',
  'phrase',
  'private',
  'prompt',
  'prompts',
  'salt',
  'secret',
  'secrets',
  'seed',
  'text',
  'texts',
  'token',
]);

export function createLogger({ level, destination }: LoggerOptions): OpenLogger {
  const { stream, flush } = destination === undefined ? openStderr() : { stream: destination, flush: async () => {} };
  const lines = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const write = (at: LogLevel) => (fields: LogFields, message: string) => {
    if (lines.isLevelEnabled(at)) lines[at](withoutSecrets(fields), message);
  };
  return {
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    setLevel: (next) => {
      lines.level = next;
    },
    flush,
  };
}

function openStderr() {
  // Without a least length pino’s flush would wait for nothing.
  const stream = fileDestination({ dest: stderr, sync: false, minLength: 1, maxLength: bufferBytesMax });
  // Nobody is left to tell when the standard error output is gone.
  stream.on('error', () => {});
  const flush = () => new Promise<void>((resolve) => stream.flush(() => resolve()));
  return { stream, flush };
}

function withoutSecrets(fields: object): Record<string, unknown> {
  return cleanEntries(fields, 0);
}

function cleanEntries(fields: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields).slice(0, entriesMax)) {
    result[key] = isSecret(key) && !isHarmless(value) ? redacted : clean(value, depth + 1);
  }
  return result;
}

/** The types of {@link LogFields} say what may be logged; this is for what comes past them. */
function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.length <= lettersMax ? value : `${value.slice(0, lettersMax)}…`;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth > depthMax) return '[too deep]';
  if (value instanceof Error) return clean(`${value.name}: ${value.message}`, depth);
  // Bytes are a key, a signature or a payload: nothing that a person could read.
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, entriesMax).map((entry) => clean(entry, depth + 1));
  return cleanEntries(value, depth);
}

/** `ownerToken`, `owner_token` and `OWNER-TOKEN` name one thing; `tokens` and `tokensPerSecond` are counts. */
function isSecret(key: string): boolean {
  return key
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .some((word) => secretWords.has(word));
}

function isHarmless(value: unknown): boolean {
  return value === null || value === undefined || typeof value === 'boolean';
}
