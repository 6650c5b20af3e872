/** `NodeApi` over the rooms: parses parameters by each method's schema, once, and answers. */
import {
  ApiError,
  type MethodInput,
  type MethodName,
  type MethodParams,
  type MethodResult,
  type NodeApi,
  nodeMethods,
  z,
} from '../protocol/index.ts';
import { ledger, queryLog } from './history.ts';
import { cancelJob, getJob, jobResults, jobSpec, listJobs, listTemplates, stopJob } from './jobs.ts';
import { listPeers, peerMarker } from './peers.ts';
import type { Rooms } from './rooms.ts';
import {
  computer,
  nodeStatus,
  pauseProvider,
  providerStatus,
  setSettings,
  settings,
  settingsSchema,
  switchProvider,
} from './status.ts';
import type { EventStream } from './stream.ts';
import { jobWhy } from './why-job.ts';
import { providerWhy } from './why-provider.ts';

type Handlers = { readonly [M in MethodName]: (params: MethodParams<M>) => MethodResult<M> | Promise<MethodResult<M>> };
/** The same schemas, indexable by a method that is only known as one of them. */
const schemas: { readonly [M in MethodName]: { readonly params: z.ZodType<MethodParams<M>> } } = nodeMethods;

export function makeApi(rooms: Rooms, stream: EventStream): NodeApi {
  const handlers: Handlers = {
    'node.status': () => nodeStatus(rooms),
    'node.computer': () => computer(rooms),
    'node.stop': ({ drainMs }) => {
      rooms.stop(drainMs);
      return {};
    },
    'node.vitals': () => ({ everyMs: rooms.vitals.everyMs, samples: [...rooms.vitals.samples()] }),
    'provider.status': () => providerStatus(rooms),
    'provider.why': () => providerWhy(rooms),
    'provider.switch': ({ on }) => switchProvider(rooms, on),
    'provider.pause': ({ paused }) => pauseProvider(rooms, paused),
    'jobs.templates': () => listTemplates(rooms),
    'jobs.plan': (spec) => rooms.aggregator.plan(spec),
    'jobs.submit': async (spec) => ({ jobId: await rooms.aggregator.submit(spec) }),
    'jobs.list': (params) => listJobs(rooms, params),
    'jobs.get': ({ jobId }) => getJob(rooms, jobId),
    'jobs.why': (params) => jobWhy(rooms, params),
    'jobs.results': ({ jobId }) => jobResults(rooms, jobId),
    'jobs.spec': ({ jobId }) => jobSpec(rooms, jobId),
    'jobs.cancel': (params) => cancelJob(rooms, params),
    'jobs.stop': (params) => stopJob(rooms, params),
    'peers.list': () => listPeers(rooms),
    'peers.mark': peerMarker(rooms),
    'peers.reputation': async (params) => ({
      ...(await rooms.reputation.evidence(params)),
      excluded: rooms.checks.exclusionOf(params.peerId),
    }),
    'wallet.summary': () => rooms.payment.summary(),
    'wallet.ledger': (params) => ledger(rooms, params),
    'logs.query': (params) => queryLog(rooms, params),
    'identity.export': async () => ({ peerId: rooms.ports.signer.peerId, phrase: await rooms.recoveryPhrase() }),
    'settings.get': () => settings(rooms),
    'settings.schema': () => settingsSchema(),
    'settings.set': (change) => setSettings(rooms, change),
  };

  async function call<M extends MethodName>(method: M, params: MethodInput<M>): Promise<MethodResult<M>> {
    if (rooms.state() === 'starting' || rooms.state() === 'stopped') {
      throw new ApiError('unavailable', `the node is ${rooms.state()}`);
    }
    const parsed = schemas[method].params.safeParse(params);
    if (!parsed.success) throw new ApiError('invalid-params', `${method}: ${z.prettifyError(parsed.error)}`);
    const handler: Handlers[M] = handlers[method];
    return handler(parsed.data);
  }

  return { call, subscribe: (after, receive) => stream.subscribe(after, receive) };
}

export { EngineLook } from './engine-look.ts';
export type { NodeState, Rooms } from './rooms.ts';
export { EventStream } from './stream.ts';
export { createVitals } from './vitals.ts';
