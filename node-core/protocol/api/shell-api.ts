/**
 * What a page may ask of the desktop window around it, besides the node: the bridge of `electron/preload.ts`. Texts of the
 * control API travel over it as they do over a WebSocket; the rest is this short list, and nothing else is answered.
 */
import { z } from '../zod.ts';

export const shellMethods = {
  /** Asks where to, and writes the file. */
  'file.save': {
    params: z.object({
      name: z
        .string()
        .regex(/^[\w.-]{1,128}$/, 'letters, digits, dots and dashes')
        .refine((name) => !name.startsWith('.'), 'no hidden file'),
      text: z.string().max(256 * 1024 * 1024),
    }),
    result: z.object({ saved: z.boolean() }),
  },
  /** Asks which, and reads the file: what a person chose, and no path from a page. */
  'file.open': {
    params: z.object({
      bytesMax: z
        .int()
        .min(1)
        .max(64 * 1024 * 1024),
    }),
    result: z.object({
      file: z
        .object({ name: z.string(), text: z.string() })
        .nullable()
        .describe('null when the person thought better of it'),
    }),
  },
  'node.state': {
    params: z.object({}),
    result: z.object({
      state: z.enum(['starting', 'online', 'stopping', 'failed']),
      message: z.string().describe('why it failed, and what to do'),
      log: z.array(z.string()).describe('the last lines of its log'),
    }),
  },
  'node.restart': { params: z.object({}), result: z.object({}) },
  'login.get': { params: z.object({}), result: z.object({ openAtLogin: z.boolean() }) },
  'login.set': { params: z.object({ openAtLogin: z.boolean() }), result: z.object({ openAtLogin: z.boolean() }) },
} as const;

export type ShellMethod = keyof typeof shellMethods;
export type ShellParams<M extends ShellMethod> = z.infer<(typeof shellMethods)[M]['params']>;
export type ShellResult<M extends ShellMethod> = z.infer<(typeof shellMethods)[M]['result']>;

export function isShellMethod(name: unknown): name is ShellMethod {
  return typeof name === 'string' && Object.hasOwn(shellMethods, name);
}

export interface BridgeHandlers {
  text(text: string): void;
  closed(reason: string): void;
}

/** `window.infernet` in the desktop window. */
export interface Bridge {
  readonly bridgeVersion: 1;
  /** Opens the one line to the node; one that is open is closed before. @returns whether the node is there. */
  open(handlers: BridgeHandlers): Promise<boolean>;
  send(text: string): void;
  close(): void;
  /** Answers as {@link shellMethods} say; rejects with a message for people. */
  shell(method: string, params: unknown): Promise<unknown>;
  /** Told where to go: from menus, notifications and links (`#/jobs/…`). */
  onGo(listener: (to: string) => void): void;
}
