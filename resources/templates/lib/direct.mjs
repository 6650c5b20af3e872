/**
 * The model run directly, without template, runner or executor: the yardstick that the executor's labels must equal.
 * Its encoding and loop are those of the scripts that the models were measured with, written out on purpose and sharing no
 * code with the runners.
 *
 *     node resources/templates/lib/direct.mjs model.gguf prompts.jsonl      → a JSON array of answers on stdout
 */
import { readFileSync, writeSync } from 'node:fs';
import { getLlama } from 'node-llama-cpp';

const [modelPath = '', data = ''] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, maxThreads: 1 });
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
const context = await model.createContext({ contextSize: 512, sequences: 1, threads: 1 });
const sequence = context.getSequence();

/** @param {string} prompt */
const encode = (prompt) => [
  ...(model.tokens.bos === null ? [] : [model.tokens.bos]),
  ...model.tokenize('<|user|>', true),
  ...model.tokenize(prompt),
  ...model.tokenize('<|end|>', true),
  ...model.tokenize('<|assistant|>', true),
];

const answers = [];
const startedAt = performance.now();
for (const line of readFileSync(data, 'utf8').trim().split('\n')) {
  await sequence.clearHistory();
  const tokens = [];
  for await (const token of sequence.evaluate(encode(JSON.parse(line).prompt), { temperature: 0 })) {
    tokens.push(token);
    if (tokens.length >= 160) break;
  }
  answers.push(model.detokenize(tokens));
}
console.error(`${Math.round(performance.now() - startedAt)} ms`);
writeSync(1, JSON.stringify(answers));
process.exit(0);
