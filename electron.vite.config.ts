import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';
import type { Plugin } from 'vite';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** The dev server reloads over a WebSocket and injects styles; the built page allows neither. */
const relaxPolicyInDev: Plugin = {
  name: 'infernet:relax-policy-in-dev',
  apply: 'serve',
  transformIndexHtml: (html) =>
    html
      .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
      .replace("connect-src 'self'", "connect-src 'self' ws://localhost:*"),
};

/** zod can write JSON Schema of its schemas; the page never asks for it, and would carry 8 kB of it. */
const withoutJsonSchema: Plugin = {
  name: 'infernet:without-json-schema',
  apply: 'build',
  transform(code, id) {
    if (!/zod\/v4\/core\/(?:json-schema-processors|to-json-schema)\.js$/.test(id)) return null;
    const names = [...code.matchAll(/^export (?:const|function|class) (?<name>\w+)/gm)].map(
      ({ groups }) => groups?.['name'],
    );
    return names.map((name) => `export const ${name} = () => ({});`).join('\n');
  },
};

/** What the protocol says of its fields is for its documents: the page shows none of it. */
const withoutDescriptions: Plugin = {
  name: 'infernet:without-descriptions',
  apply: 'build',
  enforce: 'pre',
  transform(code, id) {
    if (!id.includes('/node-core/protocol/')) return null;
    return code
      .replaceAll(/\.describe\(\s*(?:'(?:[^'\\]|\\.)*'|`[^`$]*`),?\s*\)/g, '')
      .replaceAll(/(method\(\s*'\w+',\s*)'(?:[^'\\]|\\.)*'/g, "$1''");
  },
};

export default defineConfig({
  main: {
    build: {
      emptyOutDir: true,
      rollupOptions: {
        input: {
          main: path('./electron/main.ts'),
          // The command line, and with --headless the node, under ELECTRON_RUN_AS_NODE.
          cli: path('./node-core/cli/main.ts'),
          // Started as threads, by these names, from beside the code that asks for them.
          'writer.worker': path('./node-core/store/writer.worker.ts'),
          'reader.worker': path('./node-core/store/reader.worker.ts'),
          'hash.worker': path('./node-core/execution/models/hash.worker.ts'),
        },
      },
    },
  },
  preload: {
    build: {
      emptyOutDir: true,
      rollupOptions: {
        input: { preload: path('./electron/preload.ts') },
        // A sandboxed preload cannot be an ES module.
        output: { format: 'cjs', entryFileNames: 'preload.cjs' },
      },
    },
  },
  renderer: {
    root: path('./renderer'),
    plugins: [svelte(), relaxPolicyInDev, withoutJsonSchema, withoutDescriptions],
    build: {
      emptyOutDir: true,
      // The polyfill is an inline script, which the page's policy forbids, and Chromium needs none.
      modulePreload: { polyfill: false },
      // electron-vite leaves pages as they are: a window that opens from a disk. A browser has to parse it as well.
      minify: true,
      // Inlined assets would be data: addresses, which the policy forbids as well.
      assetsInlineLimit: 0,
      rollupOptions: {
        input: { index: path('./renderer/index.html') },
        // They do not say of themselves that what is not used of them may be left out. The page encodes no CBOR.
        treeshake: {
          moduleSideEffects: (id) =>
            !/node_modules\/(cborg|multiformats|@ipld|canonicalize)\/|node-core\/protocol\//.test(id),
        },
      },
    },
  },
});
