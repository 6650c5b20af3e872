/**
 * `app://infernet/…`: the built interface under an origin of its own, instead of file://, whose pages could read every file.
 * Only files that the build put there are known.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { protocol } from 'electron';

export const appOrigin = 'app://infernet';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** The page talks over the bridge: it connects to nothing. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Before the app is ready, or it is without effect. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
}

export async function serveApp(folder: string): Promise<void> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || types[extname(entry.name)] === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`/${relative(folder, path).split(sep).join('/')}`, path);
  }
  protocol.handle('app', async (request) => {
    const url = new URL(request.url);
    const path = files.get(url.pathname === '/' ? '/index.html' : url.pathname);
    if (url.host !== 'infernet' || path === undefined || request.method !== 'GET') {
      return new Response('not found', { status: 404, headers: { 'content-type': 'text/plain' } });
    }
    return new Response(new Uint8Array(await readFile(path)), {
      headers: {
        'content-type': types[extname(path)] ?? 'application/octet-stream',
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
