// The one bridge between page and node. Bundled as CommonJS, which is what a sandboxed preload can load.
// It exposes the version only, until the interface comes: then NodeApi, typed, and nothing else.

import { contextBridge } from 'electron';

contextBridge.exposeInMainWorld('infernet', { bridgeVersion: 0 });
