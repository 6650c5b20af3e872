/** The bridge of the desktop window: no port, no token; who may speak is settled by the window itself. */
import {
  type Bridge,
  isShellMethod,
  type ShellMethod,
  type ShellParams,
  type ShellResult,
  shellMethods,
  type z,
} from '../../node-core/protocol/index.ts';
import type { SavedFile, Shell } from '../shell/shell.ts';
import type { Carrier } from './carrier.ts';

declare global {
  interface Window {
    readonly infernet?: Bridge;
  }
}

export function bridgeCarrier(bridge: Bridge): Carrier {
  return {
    open({ ready, text, closed }) {
      let isOpen = true;
      const end = (reason: string): void => {
        if (isOpen) closed({ reason, refused: false });
        isOpen = false;
      };
      bridge.open({ text, closed: end }).then(
        (found) => {
          if (!found) end('the node does not run');
          else if (isOpen) ready();
        },
        (error: unknown) => end(String(error)),
      );
      return { send: (message) => bridge.send(message), close: () => bridge.close() };
    },
  };
}

/** Each method's schema with its type tied to its name. */
const results: { readonly [M in ShellMethod]: { readonly result: z.ZodType<ShellResult<M>> } } = shellMethods;

export function desktopShell(bridge: Bridge): Shell {
  async function ask<M extends ShellMethod>(method: M, params: ShellParams<M>): Promise<ShellResult<M>> {
    if (!isShellMethod(method)) throw new Error(`there is no ${method}`);
    return results[method].result.parse(await bridge.shell(method, params));
  }
  return {
    kind: 'desktop',
    save: async ({ name, text }: SavedFile) => (await ask('file.save', { name, text })).saved,
    open: async (bytesMax) => (await ask('file.open', { bytesMax })).file,
    ask,
  };
}
