// The one bridge between page and node. Bundled as CommonJS, which is what a sandboxed preload can load. It has no Node and
// no file; what the page hands in is passed on, and judged in main.

import { contextBridge, ipcRenderer } from 'electron';
import type { Bridge, BridgeHandlers } from '../node-core/protocol/api/shell-api.ts';
import { channels } from './channels.ts';

let handlers: BridgeHandlers | null = null;
const listeners: ((to: string) => void)[] = [];

ipcRenderer.on(channels.texts, (_event, batch: unknown, texts: unknown) => {
  if (Array.isArray(texts)) for (const text of texts) if (typeof text === 'string') handlers?.text(text);
  // Main sends the next when this page has worked through these.
  void ipcRenderer.invoke(channels.took, batch);
});
ipcRenderer.on(channels.closed, (_event, reason: unknown) => {
  const ended = handlers;
  handlers = null;
  ended?.closed(String(reason));
});
ipcRenderer.on(channels.go, (_event, to: unknown) => {
  if (typeof to === 'string') for (const listener of listeners) listener(to);
});

const bridge: Bridge = {
  bridgeVersion: 1,
  async open(given) {
    handlers = given;
    const isOpen = (await ipcRenderer.invoke(channels.open)) === true;
    if (!isOpen && handlers === given) handlers = null;
    return isOpen;
  },
  send: (text) => void ipcRenderer.invoke(channels.send, text),
  close: () => void ipcRenderer.invoke(channels.close),
  shell: (method, params) => ipcRenderer.invoke(channels.shell, method, params),
  onGo: (listener) => void listeners.push(listener),
};

contextBridge.exposeInMainWorld('infernet', bridge);
