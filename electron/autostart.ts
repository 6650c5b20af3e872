/**
 * Start at login on Linux, where Electron's `app.setLoginItemSettings` has no effect: a file that desktops read when a session
 * begins (https://specifications.freedesktop.org/autostart-spec/latest/).
 */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Autostart {
  isOn(): boolean;
  set(isOn: boolean): Promise<void>;
}

/** @param command program and arguments. */
export function autostart(command: readonly string[], configFolder = userConfigFolder()): Autostart {
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

function userConfigFolder(): string {
  const named = process.env['XDG_CONFIG_HOME'];
  return named === undefined || named === '' ? join(homedir(), '.config') : named;
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
