import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { autostart } from './autostart.ts';

test('puts a file where desktops look, that names the program as it lies, and takes it away again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'infernet-autostart-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const login = autostart(['/opt/my apps/infernet 100%"$', '--hidden'], folder);
  expect(login.isOn()).toBe(false);
  await login.set(true);
  expect(login.isOn()).toBe(true);
  expect(await readFile(join(folder, 'autostart/infernet-desktop.desktop'), 'utf8')).toBe(
    '[Desktop Entry]\nType=Application\nName=Infernet\nExec="/opt/my apps/infernet 100%%\\\\"\\\\$" "--hidden"\n',
  );
  await login.set(false);
  await login.set(false);
  expect(login.isOn()).toBe(false);
});
