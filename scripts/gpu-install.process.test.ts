import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('gpu-install.mjs', import.meta.url));
const has64 = process.arch === 'x64' && process.platform !== 'darwin';

it.skipIf(!has64)('fetches nothing that nobody agreed to, and says how much it would be', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, 'cuda'], { encoding: 'utf8', input: '' });
  expect([status, stdout, stderr]).toEqual([
    1,
    expect.stringMatching(/450 MB.*never tried on hardware.*--yes/s),
    'gpu-install: nothing was fetched\n',
  ]);
});

it('knows only the builds that there are', () => {
  const { status, stderr } = spawnSync(process.execPath, [script, 'voodoo'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([1, 'gpu-install: "voodoo" is neither cuda nor vulkan\n']);
});
