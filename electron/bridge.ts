/** Main's end of the bridge: each call is judged by its sender, parsed by its schema, and answered or refused. */
import { type IpcMainInvokeEvent, ipcMain, type WebContents } from 'electron';
import { createSession, type Session } from '../node-core/control/index.ts';
import type { Logger } from '../node-core/ports/index.ts';
import {
  isShellMethod,
  type NodeApi,
  type ShellMethod,
  type ShellParams,
  type ShellResult,
  shellMethods,
  z,
} from '../node-core/protocol/index.ts';
import { isOurs } from './app-protocol.ts';
import { channels } from './channels.ts';
import { Outlet } from './outlet.ts';

export type ShellHandlers = {
  readonly [M in ShellMethod]: (
    params: ShellParams<M>,
    sender: WebContents,
  ) => Promise<ShellResult<M>> | ShellResult<M>;
};

export interface BridgeOptions {
  /** Null while there is no node. */
  api(): NodeApi | null;
  readonly shell: ShellHandlers;
  readonly log: Logger;
  /** In `electron-vite dev` the page comes from its server. */
  readonly devOrigin: string | null;
}

/** Each method's schema with its type tied to its name. */
const params: { readonly [M in ShellMethod]: { readonly params: z.ZodType<ShellParams<M>> } } = shellMethods;

export interface Bridge {
  /** The node is gone: lines to it end, and pages open new ones. */
  closeAll(reason: string): void;
}

export function serveBridge({ api, shell, log, devOrigin }: BridgeOptions): Bridge {
  const lines = new Map<WebContents, { readonly session: Session; readonly outlet: Outlet }>();

  function close(sender: WebContents, reason: string): void {
    if (!drop(sender)) return;
    if (!sender.isDestroyed()) sender.send(channels.closed, reason);
  }

  /** Without a word to the page. */
  function drop(sender: WebContents): boolean {
    const line = lines.get(sender);
    if (line === undefined) return false;
    lines.delete(sender);
    line.session.close();
    line.outlet.close();
    return true;
  }

  /** @throws Error to whoever is not our page: it learns nothing. */
  function judge(event: IpcMainInvokeEvent): WebContents {
    const frame = event.senderFrame;
    const isDev = devOrigin !== null && frame !== null && frame.parent === null && frame.url.startsWith(devOrigin);
    if (!isDev && !isOurs(frame)) {
      log.warn({ url: frame?.url ?? 'gone' }, 'a call from a foreign page was refused');
      throw new Error('refused');
    }
    return event.sender;
  }

  ipcMain.handle(channels.open, (event) => {
    const sender = judge(event);
    // Of the page before a reload: the one that asks now never had it, and must not be told that it ended.
    drop(sender);
    const node = api();
    if (node === null) return false;
    const outlet = new Outlet({
      post: (batch, texts) => {
        if (!sender.isDestroyed()) sender.send(channels.texts, batch, texts);
      },
      onDrain: () => session.drained(),
    });
    const session = createSession({
      api: node,
      scope: 'owner',
      log,
      send: (text) => outlet.send(text),
      isBusy: () => outlet.isBusy,
      isFull: () => outlet.isFull,
      end: (reason) => close(sender, reason),
    });
    lines.set(sender, { session, outlet });
    return true;
  });
  ipcMain.handle(channels.took, (event, batch: unknown) => {
    lines.get(judge(event))?.outlet.took(z.int().parse(batch));
  });
  ipcMain.handle(channels.send, (event, text: unknown) => {
    lines.get(judge(event))?.session.receive(z.string().parse(text));
  });
  ipcMain.handle(channels.close, (event) => {
    close(judge(event), 'closed by the page');
  });
  ipcMain.handle(channels.shell, async (event, method: unknown, given: unknown) => {
    const sender = judge(event);
    if (!isShellMethod(method)) throw new Error('there is no such method');
    return call(method, given, sender);
  });

  async function call<M extends ShellMethod>(method: M, given: unknown, sender: WebContents): Promise<ShellResult<M>> {
    const parsed = params[method].params.safeParse(given);
    if (!parsed.success) throw new Error(`${method}: ${z.prettifyError(parsed.error)}`);
    const handler: ShellHandlers[M] = shell[method];
    return handler(parsed.data, sender);
  }

  return {
    closeAll(reason) {
      for (const sender of [...lines.keys()]) close(sender, reason);
    },
  };
}
