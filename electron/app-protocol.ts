/**
 * `app://infernet/…`: the built interface under an origin of its own, instead of file://, whose pages could read every file.
 * Only files that the build put there are known.
 */
import { readFile } from 'node:fs/promises';
import { protocol } from 'electron';
import { contentPolicy, interfacePaths } from '../node-core/control/index.ts';

export const appOrigin = 'app://infernet';

/** The page talks over the bridge: it connects to nothing. */
const pagePolicy = contentPolicy("'none'");

/** Before the app is ready, or it is without effect. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
}

export async function serveApp(folder: string): Promise<void> {
  const files = await interfacePaths(folder);
  protocol.handle('app', async (request) => {
    const url = new URL(request.url);
    const file = files.get(url.pathname === '/' ? '/index.html' : url.pathname);
    if (url.host !== 'infernet' || file === undefined || request.method !== 'GET') {
      return new Response('not found', { status: 404, headers: { 'content-type': 'text/plain' } });
    }
    return new Response(new Uint8Array(await readFile(file.path)), {
      headers: {
        'content-type': file.type,
        'content-security-policy': pagePolicy,
        'x-content-type-options': 'nosniff',
        'cross-origin-opener-policy': 'same-origin',
      },
    });
  });
}

/** Is it our page, in the window's own frame? */
export function isOurs(frame: { readonly url: string; readonly parent: unknown } | null): boolean {
  if (frame === null || frame.parent !== null) return false;
  return frame.url === appOrigin || frame.url.startsWith(`${appOrigin}/`);
}
