/** Opens a GGUF model on the CPU with node-llama-cpp, in a process that may neither start others nor read beyond it. */
import childProcess from 'node:child_process';
import { EventEmitter } from 'node:events';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RunnerError } from './serve.mjs';

/**
 * @typedef {typeof import('node-llama-cpp')} Library
 * @typedef {import('node-llama-cpp').LlamaModel} LlamaModel
 * @typedef {import('node-llama-cpp').LlamaContextSequence} LlamaContextSequence
 * @typedef {import('node-llama-cpp').ChatWrapper} ChatWrapper
 * @typedef {{
 *   library: Library, model: LlamaModel, sequence: LlamaContextSequence, chat: ChatWrapper, contextTokens: number,
 *   vocabularyTokens: number,
 * }} OpenModel
 * @typedef {{model: LlamaModel, context: import('node-llama-cpp').LlamaEmbeddingContext, contextTokens: number}} OpenEmbedder
 */

/**
 * On Linux the library first loads its binary in a forked process, to survive a crash of it. Ours is such a process
 * already, and permission to start processes is the one that we like least to give. So the fork is answered here.
 */
function answerBinaryTest() {
  const fork = () => {
    const child = Object.assign(new EventEmitter(), {
      exitCode: null,
      stdout: null,
      stderr: null,
      kill: () => true,
      /** @param {{type: string}} message */
      send(message) {
        if (message.type === 'start') setImmediate(() => child.emit('message', { type: 'loaded' }));
        if (message.type === 'test') setImmediate(() => child.emit('message', { type: 'done' }));
        if (message.type === 'exit') setImmediate(() => child.emit('exit', 0));
      },
    });
    setImmediate(() => child.emit('message', { type: 'ready' }));
    return child;
  };
  Object.assign(childProcess, { fork });
  syncBuiltinESMExports();
}

/**
 * Templates of an installed app lie outside of the folders where Node looks for packages: the host says where those are.
 * @returns {Promise<Library>}
 */
async function importLibrary() {
  answerBinaryTest();
  const modules = process.env['INFERNET_NODE_MODULES'];
  if (modules === undefined) return await import('node-llama-cpp');
  const entry = createRequire(join(modules, 'index.js')).resolve('node-llama-cpp');
  return await import(pathToFileURL(entry).href);
}

/**
 * @param {import('./serve.mjs').LoadRequest} request
 * @returns {Promise<OpenModel>}
 */
export async function openModel({ model: modelPath, threads, contextTokens: contextTokensMax, gpu }) {
  const { library, model } = await loadModel(modelPath, threads, gpu);
  const contextTokens = Math.min(contextTokensMax, model.trainContextSize);
  const context = await model.createContext({ contextSize: contextTokens, sequences: 1, threads });
  return {
    library,
    model,
    sequence: context.getSequence(),
    chat: library.resolveChatWrapper(model),
    contextTokens,
    vocabularyTokens: [...model.iterateAllTokens()].length,
  };
}

/**
 * @param {import('./serve.mjs').LoadRequest} request
 * @returns {Promise<OpenEmbedder>}
 */
export async function openEmbedder({ model: modelPath, threads, contextTokens: contextTokensMax, gpu }) {
  const { model } = await loadModel(modelPath, threads, gpu);
  const contextTokens = Math.min(contextTokensMax, model.trainContextSize);
  const context = await model.createEmbeddingContext({ contextSize: contextTokens, threads });
  return { model, context, contextTokens };
}

/** @typedef {'metal' | 'cuda' | 'vulkan'} Gpu */

/** @param {string | null} modelPath @param {number} threads @param {Gpu | undefined} gpu */
async function loadModel(modelPath, threads, gpu) {
  if (modelPath === null) throw new RunnerError('model-missing', 'this template needs a model');
  if (gpu !== undefined) {
    try {
      const { library, llama } = await startLlama(threads, gpu);
      return { library, model: await llama.loadModel({ modelPath }) };
    } catch (error) {
      // The card is a help, and no condition.
      console.error(`${gpu} cannot be used, the processor is: ${error instanceof Error ? error.message : error}`);
    }
  }
  const { library, llama } = await startLlama(threads, false).catch((error) => {
    throw new RunnerError('container', `llama.cpp could not be started: ${error.message}`);
  });
  return { library, model: await llama.loadModel({ modelPath, gpuLayers: 0 }) };
}

/** @param {number} threads @param {Gpu | false} gpu */
async function startLlama(threads, gpu) {
  const library = await importLibrary();
  const llama = await library.getLlama({
    gpu,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: library.LlamaLogLevel.error,
    // Threads of llama.cpp spin while they wait: more of them than free cores is slower by orders of magnitude.
    maxThreads: threads,
  });
  return { library, llama };
}
