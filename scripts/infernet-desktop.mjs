#!/usr/bin/env node
// The command `infernet-desktop`: the system's Node may be 20, and the command line runs under the pinned one.

process.argv.splice(2, 0, 'node-core/cli/main.ts');
await import('./run.mjs');
