/**
 * What the loopback server answers besides the WebSocket: `/healthz` and `/metrics` for machines that watch; the interface
 * for the browser of this computer, where it was built; and `POST /ticket`, by which the owner's programs open it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../ports/index.ts';
import { ApiError, type NodeApi } from '../../protocol/index.ts';
import { type DoorOptions, judgeSender, judgeUpgrade } from './door.ts';
import { type InterfaceFile, interfaceHeaders } from './interface-files.ts';
import { createMetrics } from './metrics.ts';
import { contentType, prometheusText } from './prometheus.ts';

export interface Pages {
  serve(request: IncomingMessage, response: ServerResponse): void;
  stop(): void;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PagesOptions {
  readonly api: NodeApi;
  door(): DoorOptions;
  /** By address; empty where it was not built. */
  readonly files: ReadonlyMap<string, InterfaceFile>;
  newTicket(): string;
  readonly log: Logger;
}

/** Whoever watches asks every few seconds, and gives up as soon. */
const answerMsMax = 5_000;

export function createPages({ api, door, files, newTicket, log }: PagesOptions): Pages {
  const metrics = createMetrics(api);
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    '/healthz': () => health(api),
    '/metrics': async () => ({ status: 200, type: contentType, body: prometheusText(await metrics.collect()) }),
  };

  async function pageFor(request: IncomingMessage): Promise<Page> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    const file = files.get(path);
    if (page === undefined && file === undefined && path !== '/ticket') {
      const what =
        files.size > 0 ? 'There is no such page.' : 'For machines that watch there are /healthz and /metrics.';
      return path === '/' || files.size === 0 ? text(426, `This is a WebSocket. ${what}`) : text(404, what);
    }
    const refusal = judgeSender(request.headers, door());
    if (refusal !== null) return text(403, refusal);
    if (path === '/ticket') return files.size > 0 ? ticket(request) : text(426, 'No interface is served here.');
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'Only GET.');
    if (file !== undefined) return filePage(file);
    if (page === undefined) return text(404, 'There is no such page.');
    try {
      return await within(answerMsMax, page());
    } catch (error) {
      if (!(error instanceof ApiError && error.kind === 'unavailable')) {
        log.warn({ path, error: error instanceof Error ? error.message : String(error) }, 'a page failed');
      }
      return text(503, 'The node does not answer at present.');
    }
  }

  /** For a program that could read the owner's token from the data folder. */
  function ticket(request: IncomingMessage): Page {
    if (request.method !== 'POST') return text(405, 'Only POST.');
    const judgement = judgeUpgrade(request.headers, door());
    if (!judgement.ok || !judgement.authenticated) return text(401, 'The owner’s token is missing, or wrong.');
    return { status: 200, type: 'application/json', body: `${JSON.stringify({ ticket: newTicket() })}\n` };
  }

  function filePage({ type, body, immutable }: InterfaceFile): Page {
    const caching = immutable ? 'public, max-age=31536000, immutable' : 'no-store';
    return { status: 200, type, body, headers: { ...interfaceHeaders(door().port), 'cache-control': caching } };
  }

  return {
    serve(request, response) {
      request.resume();
      void pageFor(request).then(({ status, type, body, headers }) => {
        response.writeHead(status, {
          'content-type': type,
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
          connection: 'close',
          ...headers,
        });
        response.end(request.method === 'HEAD' ? '' : body);
      });
    },
    stop: () => metrics.stop(),
  };
}

/** Well is who answers and takes work; a node without peers is well too. */
async function health(api: NodeApi): Promise<Page> {
  const { state } = await api.call('node.status', {});
  const isWell = state === 'online' || state === 'alone';
  return {
    status: isWell ? 200 : 503,
    type: 'application/json',
    body: `${JSON.stringify({ status: isWell ? 'ok' : 'unavailable', state })}\n`,
  };
}

const text = (status: number, body: string): Page => ({ status, type: 'text/plain; charset=utf-8', body: `${body}\n` });

async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ApiError('unavailable', `no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
