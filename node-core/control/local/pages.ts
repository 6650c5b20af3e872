/** The two pages for machines that watch: `/healthz` and `/metrics`. Everything else here is the WebSocket. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../ports/index.ts';
import { ApiError, type NodeApi } from '../../protocol/index.ts';
import { type DoorOptions, judgeSender } from './door.ts';
import { createMetrics } from './metrics.ts';
import { contentType, prometheusText } from './prometheus.ts';

export interface Pages {
  serve(request: IncomingMessage, response: ServerResponse): void;
  stop(): void;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Whoever watches asks every few seconds, and gives up as soon. */
const answerMsMax = 5_000;

export function createPages(api: NodeApi, door: () => Omit<DoorOptions, 'token'>, log: Logger): Pages {
  const metrics = createMetrics(api);
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    '/healthz': () => health(api),
    '/metrics': async () => ({ status: 200, type: contentType, body: prometheusText(await metrics.collect()) }),
  };

  async function pageFor(request: IncomingMessage): Promise<Page> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined)
      return text(426, 'This is a WebSocket; for machines that watch there are /healthz and /metrics.');
    const refusal = judgeSender(request.headers, door());
    if (refusal !== null) return text(403, refusal);
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'Only GET.');
    try {
      return await within(answerMsMax, page());
    } catch (error) {
      if (!(error instanceof ApiError && error.kind === 'unavailable')) {
        log.warn({ path, error: error instanceof Error ? error.message : String(error) }, 'a page failed');
      }
      return text(503, 'The node does not answer at present.');
    }
  }

  return {
    serve(request, response) {
      request.resume();
      void pageFor(request).then(({ status, type, body }) => {
        response.writeHead(status, {
          'content-type': type,
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
          connection: 'close',
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
