/** The container engine that this user may talk to: Docker's socket, or one that speaks as it does. */
import { request } from 'node:http';
import { join } from 'node:path';
import type { EngineFound } from '../ports/index.ts';

const engineMs = 2_000;

export async function findEngine(env: Readonly<Record<string, string | undefined>>): Promise<EngineFound> {
  const runtime = env['XDG_RUNTIME_DIR'];
  const named = /^unix:\/\/(?<path>.+)$/.exec(env['DOCKER_HOST'] ?? '')?.groups?.['path'];
  const sockets = [
    ...(named === undefined ? [] : [named]),
    '/var/run/docker.sock',
    ...(runtime === undefined ? [] : [join(runtime, 'docker.sock'), join(runtime, 'podman', 'podman.sock')]),
  ];
  const problems: string[] = [];
  for (const socketPath of sockets) {
    try {
      return { found: `${await engineVersion(socketPath)} at ${socketPath}`, problems: [] };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!/ENOENT/.test(reason)) problems.push(`${socketPath}: ${reason}`);
    }
  }
  return { found: null, problems };
}

function engineVersion(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/_ping', timeout: engineMs }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve(String(response.headers['server'] ?? 'an engine'));
      else reject(new Error(`answers with status ${response.statusCode}`));
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer within ${engineMs / 1000} s`)));
    asked.once('error', reject);
    asked.end();
  });
}
