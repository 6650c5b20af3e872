/** The image of the hostile runner, with what an image's author can prepare: programs with privileges, devices, rights. */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { daemon, forkBomb, programOf, zombies } from './machine-code.ts';
import { programs } from './system-calls.ts';

/** CAP_NET_RAW and CAP_SYS_ADMIN, permitted and effective, as the kernel stores them beside a file. */
const capabilities = String.fromCharCode(1, 0, 0, 2, 0, 0x20, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
const text = (value: string): Uint8Array => Buffer.from(`${value}\0`);

/** Who it is, becoming root, mounting, a raw socket, and who it is then. */
const becomeRoot = programOf([
  { number: 107, args: [] },
  { number: 105, args: [0] },
  { number: 165, args: [text('none'), text('/tmp'), text('tmpfs'), 0, 0] },
  { number: 41, args: [2, 3, 1] },
  { number: 107, args: [] },
]);

const devices = [
  { name: 'mem', type: 'character-device', devmajor: 1, devminor: 1 },
  { name: 'kmsg', type: 'character-device', devmajor: 1, devminor: 11 },
  { name: 'disk', type: 'block-device', devmajor: 254, devminor: 0 },
] as const;

/** To be unpacked at the root of an image with Node in it. */
export async function hostileFiles(): Promise<Buffer> {
  const files = pack();
  const runner = await readFile(new URL('./runner.mjs', import.meta.url));
  files.entry({ name: 'hostile', type: 'directory', mode: 0o755 });
  files.entry({ name: 'open', type: 'directory', mode: 0o777 });
  files.entry({ name: 'hostile/runner.mjs', mode: 0o644 }, runner);
  for (const [name, program] of Object.entries({ ...programs, 'fork-bomb': forkBomb, daemon, zombies })) {
    files.entry({ name: `hostile/${name}`, mode: 0o755 }, program);
  }
  files.entry({ name: 'hostile/setuid-root', mode: 0o6755, uid: 0, gid: 0 }, becomeRoot);
  files.entry(
    { name: 'hostile/capable', mode: 0o755, pax: { 'SCHILY.xattr.security.capability': capabilities } },
    becomeRoot,
  );
  for (const device of devices) files.entry({ ...device, name: `hostile/${device.name}`, mode: 0o666 });
  files.finalize();
  return buffer(files);
}

/** To be built: an image that asks to be root, and to be asked how it is. @param template id that its label says. */
export function hostileContext(files: Buffer, base: string, template: string, more: readonly string[] = []): Readable {
  const context = pack();
  context.entry({ name: 'hostile.tar' }, files);
  const lines = [
    `FROM ${base}`,
    'ADD hostile.tar /',
    'USER 0:0',
    'HEALTHCHECK --interval=1s CMD ["/hostile/daemon", "health"]',
    'STOPSIGNAL SIGCONT',
    'ENTRYPOINT ["/usr/local/bin/node", "/hostile/runner.mjs"]',
    ...more,
    `LABEL network.infernet.template=${template}`,
    '',
  ];
  context.entry({ name: 'Dockerfile' }, lines.join('\n'));
  context.finalize();
  return Readable.from(context);
}
