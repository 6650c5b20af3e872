import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  createKeyFile,
  KeyFileError,
  keyFileName,
  peerIdOfSeed,
  phraseOf,
  RecoveryPhraseError,
  readKeyFile,
  seedOf,
} from '../../identity/index.ts';
import { defineCommand, toggle } from '../command.ts';
import { answer } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { data, json } from '../values.ts';

const phraseBytesMax = 4096;
const wordsPerLine = 6;

export const identityExport = defineCommand({
  name: 'identity export',
  summary: 'Show the recovery phrase of the node’s key: 24 words, to be written on paper.',
  detail:
    'Whoever has the words is the node: its reputation and its credits are theirs. So they are shown on a terminal only, unless --force says that they may go elsewhere.',
  shape: {
    force: toggle('--force', 'also into a file or to a program'),
    json: json(),
    data: data(),
  },
  examples: [{ line: 'identity export', says: 'shows the words on this terminal' }],
  async run(context, { force, json: asJson }) {
    if (!context.out.isTerminal && !force) {
      throw new CliError(
        'not-allowed',
        'the recovery phrase is shown on a terminal only, and the output goes elsewhere. Whoever reads it there owns the node; --force does it all the same',
      );
    }
    const path = join(await context.dataFolder(), keyFileName);
    const seed = await keyErrors(() => readKeyFile(path));
    if (seed === null) {
      throw new CliError(
        'not-found',
        `there is no key at ${path}: a node makes it at its first start. Name another data folder by --data, or restore a key by: ${context.commandLine('identity import')}`,
      );
    }
    const phrase = phraseOf(seed);
    const peerId = peerIdOfSeed(seed);
    context.err.say(
      context.err.paint(
        'yellow',
        'Whoever has these words is this node. Write them on paper; keep no photo and no file of them.',
      ),
    );
    answer(context, asJson, { peerId, phrase }, () => [`peer id ${peerId}`, '', ...numbered(phrase)]);
    return 'ok';
  },
});

export const identityImport = defineCommand({
  name: 'identity import',
  summary: 'Restore a node’s key from its recovery phrase, into an empty data folder.',
  detail:
    'The words are read from the standard input, never from the command line, which other users of the computer can see.',
  shape: { json: json(), data: data() },
  examples: [{ line: 'identity import --data ./restored', says: 'asks for the 24 words' }],
  async run(context, { json: asJson }) {
    const folder = resolve(await context.dataFolder());
    await mustBeEmpty(folder);
    const words = context.input.isTerminal
      ? await context.input.ask('The 24 words of the recovery phrase, in one line: ')
      : await context.input.readAll(phraseBytesMax);
    const seed = seedFrom(words ?? '');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // One that was there may be open to others, and `mkdir` leaves it so.
    await chmod(folder, 0o700);
    await keyErrors(() => createKeyFile(join(folder, keyFileName), seed));
    const peerId = peerIdOfSeed(seed);
    answer(context, asJson, { peerId, dataFolder: folder }, () => [
      `restored ${peerId} into ${folder}`,
      `start it: ${context.commandLine('--headless')}`,
      'Where the old node still runs, stop it first: two nodes with one key contradict each other.',
    ]);
    return 'ok';
  },
});

function numbered(phrase: string): string[] {
  const words = phrase.split(' ').map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(8)}`);
  return Array.from({ length: Math.ceil(words.length / wordsPerLine) }, (_, row) =>
    words
      .slice(row * wordsPerLine, (row + 1) * wordsPerLine)
      .join('  ')
      .trimEnd(),
  );
}

async function mustBeEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new CliError(
      'not-allowed',
      `${folder} cannot be looked into: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  if (names.length === 0) return;
  const what = names.includes(keyFileName) ? 'holds a key already' : 'is not empty';
  throw new CliError(
    'not-allowed',
    `${folder} ${what}, and nothing in it is overwritten: name an empty or new folder by --data`,
  );
}

/** Numbers in front of the words, as the export shows them, are forgiven. */
function seedFrom(words: string): Uint8Array {
  try {
    return seedOf(words.replaceAll(/\d+\.?/g, ' '));
  } catch (error) {
    if (error instanceof RecoveryPhraseError) throw new CliError('usage', error.message);
    throw error;
  }
}

async function keyErrors<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KeyFileError) throw new CliError('not-allowed', error.message);
    throw error;
  }
}
