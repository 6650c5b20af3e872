/** What surrounds the page: the desktop window, or a browser. The same questions, answered by what is there. */

import type { ShellMethod, ShellParams, ShellResult } from '../../node-core/protocol/index.ts';

export interface SavedFile {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

export interface Shell {
  readonly kind: 'desktop' | 'browser';
  /** @returns false when the person thought better of it. */
  save(file: SavedFile): Promise<boolean>;
  /** Asks for a file of inputs; absent where the page's own button does. @throws Error that says what is wrong with it. */
  open?(bytesMax: number): Promise<{ readonly name: string; readonly text: string } | null>;
  /** What only the desktop window can do; absent in a browser. */
  ask?<M extends ShellMethod>(method: M, params: ShellParams<M>): Promise<ShellResult<M>>;
}

export const browserShell: Shell = {
  kind: 'browser',
  save({ name, type, text }) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    // The download has its own hold on the data by then.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    return Promise.resolve(true);
  },
};
