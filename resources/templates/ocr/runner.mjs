/** Reads images by Tesseract, one process for each, fed through its stdin: nothing is written to a disk. */
import { spawn } from 'node:child_process';
import { RunnerError, serve } from '../lib/serve.mjs';
import { imageOf } from './image.mjs';

/** Tesseract's page segmentation modes. @type {Readonly<Record<string, string>>} */
const modes = { page: '3', column: '4', block: '6', line: '7', word: '8' };
const wordsOfErrorMax = 300;
const textBytesMax = 1_000_000;

/**
 * @param {Buffer} image @param {string} mode @param {number} threads @param {AbortSignal} signal
 * @returns {Promise<string>}
 */
function read(image, mode, threads, signal) {
  return new Promise((resolve, reject) => {
    const tesseract = spawn('tesseract', ['stdin', 'stdout', '-l', 'eng', '--psm', mode], {
      env: { ...process.env, OMP_THREAD_LIMIT: String(threads) },
      signal,
      killSignal: 'SIGKILL',
    });
    let text = '';
    let said = '';
    tesseract.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
      if (text.length > textBytesMax) tesseract.kill('SIGKILL');
    });
    tesseract.stderr.setEncoding('utf8').on('data', (part) => {
      said = `${said}${part}`.slice(-wordsOfErrorMax);
    });
    // It may end before it has read all; its exit code says why.
    tesseract.stdin.on('error', () => undefined);
    tesseract.once('error', (error) => {
      reject(signal.aborted ? new RunnerError('cancelled', 'cancelled') : new RunnerError('container', error.message));
    });
    tesseract.once('close', (code, killed) => {
      if (code === 0) resolve(text);
      else if (killed !== null) reject(new RunnerError('container', `tesseract was ended by ${killed}`));
      else reject(new RunnerError('bad-input', `tesseract could not read the image: ${said.trim()}`));
    });
    tesseract.stdin.end(image);
  });
}

/** Page breaks and spaces at the ends of lines say nothing. @param {string} text */
function tidy(text) {
  const lines = text.normalize('NFC').split('\n');
  return lines
    .map((line) => line.replaceAll('\f', '').trimEnd())
    .join('\n')
    .replace(/^\n+|\n+$/g, '');
}

serve({
  load: async ({ threads }) => ({ threads }),
  async runItem({ threads }, params, input, item) {
    // The host has checked both by the schemas of template.json.
    const { layout = 'page' } = /** @type {{layout?: string}} */ (params);
    const { image } = /** @type {{image: string}} */ (input);
    const text = tidy(await read(imageOf(image), modes[layout] ?? '3', threads, item.signal));
    return { output: { text }, tokens: text.split(/\s+/).filter((word) => word !== '').length };
  },
});
