/**
 * The control API of a real node, which also tells of a job that no network does on demand: answers that are checked after
 * all, or in doubt, or rest on the word of a computer that was lost. The page takes it for the node.
 */
import { fileURLToPath } from 'node:url';
import { type ControlServer, startControlServer } from '../../node-core/control/index.ts';
import {
  type LogEntry,
  type MethodResult,
  type NodeApi,
  type NodeEvent,
  type StreamItem,
  z,
} from '../../node-core/protocol/index.ts';

const interfaceFolder = fileURLToPath(new URL('../../out/renderer', import.meta.url));

const About = z.object({ jobId: z.string().optional(), after: z.int().default(0) });

export interface ToldJob {
  readonly summary: MethodResult<'jobs.get'>;
  results(): MethodResult<'jobs.results'>;
  /** What is in the log when the page opens. */
  readonly events: readonly NodeEvent[];
}

export interface ToldNode {
  readonly dataFolder: string;
  /** Something happens while the page is open. */
  tell(event: NodeEvent): void;
  stop(): Promise<void>;
}

export async function serveTold(real: NodeApi, job: ToldJob, dataFolder: string): Promise<ToldNode> {
  const { logSeq } = await real.call('node.status', {});
  let seq = logSeq;
  const append = (event: NodeEvent): LogEntry => {
    seq += 1;
    return { seq, at: job.summary.createdAt + seq - logSeq, event };
  };
  const log = job.events.map(append);
  const listeners = new Set<(item: StreamItem) => void>();
  const { jobId } = job.summary;

  const own: { readonly [method: string]: (after: number) => unknown } = {
    'jobs.get': () => job.summary,
    'jobs.results': () => job.results(),
    'jobs.why': () => ({ jobId, waitsFor: '', shards: [], more: 0 }),
    'logs.query': (after) => ({
      entries: log.filter((entry) => entry.seq > after).map((entry) => ({ ...entry, room: 'aggregator', summary: '' })),
      next: seq,
    }),
  };
  const api: NodeApi = {
    async call(method, params) {
      const about = About.parse(params);
      const answer = own[method];
      if (answer === undefined || about.jobId !== jobId) return real.call(method, params);
      // The page parses each answer by its schema.
      return answer(about.after) as never;
    },
    subscribe(_, receive) {
      listeners.add(receive);
      return () => void listeners.delete(receive);
    },
  };
  const quiet = () => {};
  const server: ControlServer = await startControlServer({
    api,
    dataFolder,
    interfaceFolder,
    listen: '127.0.0.1:0',
    allowedOrigins: [],
    streamBufferMax: 1_000,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  return {
    dataFolder,
    tell(event) {
      const entry = append(event);
      log.push(entry);
      for (const receive of listeners) receive({ kind: 'event', ...entry });
    },
    stop: () => server.stop('the test is over'),
  };
}
