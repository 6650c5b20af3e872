/**
 * Start at login on Linux, where Electron's `app.setLoginItemSettings` has no effect: a file that desktops read when a session
 * begins (https://specifications.freedesktop.org/autostart-spec/latest/).
 */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { xdgConfigFolder } from '../node-core/config/index.ts';

export interface Autostart {
  isOn(): boolean;
  set(isOn: boolean): Promise<void>;
}

/** @param command program and arguments. */
export function autostart(command: readonly string[], configFolder = xdgConfigFolder()): Autostart {
  const folder = join(configFolder, 'autostart');
  const file = join(folder, 'infernet-desktop.desktop');
  return {
    isOn: () => existsSync(file),
    async set(isOn) {
      if (!isOn) {
        await rm(file, { force: true });
        return;
      }
      await mkdir(folder, { recursive: true });
      await writeFile(file, entry(command));
    },
  };
}

function entry(command: readonly string[]): string {
  return ['[Desktop Entry]', 'Type=Application', 'Name=Infernet', `Exec=${command.map(quoted).join(' ')}`, ''].join(
    '\n',
  );
}

/** First as an argument, in quotation marks; then, since the value is a string, its backslashes once more. */
function quoted(argument: string): string {
  const inMarks = `"${argument.replaceAll(/["`$\\]/g, '\\$&').replaceAll('%', '%%')}"`;
  return inMarks.replaceAll('\\', '\\\\');
}
