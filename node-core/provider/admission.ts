/** Admission: may this replica enter the queue? Pure: everything that it depends on is handed in. */
import type { NodeConfig } from '../config/schema.ts';
import {
  canonicalBytes,
  type FailureCode,
  hashOf,
  type MessageBody,
  micro,
  type PeerId,
  priceOf,
  protocolLimits,
} from '../protocol/index.ts';
import type { Served } from './catalogue.ts';
import { limitsFor, unwanted } from './client-limits.ts';

/** What may change from one moment to the next. */
export interface Room {
  readonly on: boolean;
  readonly draining: boolean;
  /** Why the computer is to take no work of this client for now, or null. */
  readonly paused: string | null;
  readonly pending: number;
  readonly pendingOfClient: number;
  /** Inputs and results that lie on the disk. */
  readonly storedBytes: number;
  /** Until the client's shards of the last hour are within its limit again, ms; 0 = they are. */
  readonly hourFreeInMs: number;
  /** By the credit limit; `ok` for the own node. */
  readonly credit:
    | { readonly ok: true }
    | { readonly ok: false; readonly message: string; readonly retryAfterMs: number };
  readonly config: NodeConfig['provider'];
}

export interface AdmissionView extends Room {
  readonly now: number;
  readonly served: Served | undefined;
  /** Why it is not, where it is not. */
  readonly unserved: Decline;
  readonly ownPeer: PeerId;
  /** Was the quote in the assignment signed by this node's key? */
  readonly quoteIsOurs: boolean;
}

export interface Decline {
  readonly code: FailureCode;
  readonly message: string;
  readonly retryAfterMs?: number;
}

const soonMs = 250;
/** Results wait for verdicts. */
const storageMs = 2_000;
/** What a template runs in is restarted. */
const awayMs = 2_000;
/** Disks and batteries take their time. */
const pausedMs = 30_000;

/**
 * Of a template that is not served. What was served before is called busy, and not missing: a client asks no more for what
 * is missing, and a container engine that went away comes back.
 */
export function notServed(wasServed: boolean): Decline {
  return wasServed
    ? { code: 'no-capacity', message: 'this node cannot run this template at present', retryAfterMs: awayMs }
    : { code: 'template-missing', message: 'this node does not serve this template' };
}

/** What stands against serving this client at all, whatever it brings. */
export function judgeClient(
  client: PeerId,
  ownPeer: PeerId,
  view: Pick<Room, 'on' | 'draining' | 'paused' | 'hourFreeInMs' | 'config'>,
): Decline | null {
  if (!view.on) return { code: 'policy', message: 'this node is not a provider at present' };
  if (view.draining) return { code: 'no-capacity', message: 'this node is stopping' };
  if (view.paused !== null) return { code: 'no-capacity', message: view.paused, retryAfterMs: pausedMs };
  // The lists are about others.
  if (client === ownPeer) return null;
  const reason = unwanted(client, view.config);
  if (reason !== null) return { code: 'policy', message: reason };
  if (view.hourFreeInMs > 0) {
    const { shardsPerHourMax } = limitsFor(client, view.config);
    return {
      code: 'no-capacity',
      message: `this client has had the ${shardsPerHourMax} shards an hour that the owner grants it`,
      retryAfterMs: view.hourFreeInMs,
    };
  }
  return null;
}

export function judgeAssignment(
  client: PeerId,
  assign: MessageBody<'shard.assign'>,
  view: AdmissionView,
): Decline | null {
  const { config, served, ownPeer } = view;
  const refusal = judgeClient(client, ownPeer, view);
  if (refusal !== null) return refusal;
  const { replicaId, shardId, jobId } = assign;
  if (
    !replicaId.startsWith(`${shardId}.`) ||
    !shardId.startsWith(`${jobId}.`) ||
    !replicaId.endsWith(ownPeer.slice(-8))
  ) {
    return { code: 'bad-input', message: 'replicaId, shardId, jobId and this provider do not belong together' };
  }

  const quote = assign.quote.body;
  // A quote holds for all jobs of its client until it expires, and not just for the one that asked.
  if (!view.quoteIsOurs || quote.client !== client) {
    return {
      code: 'price',
      message: 'the assignment does not carry a quote that this node gave this client',
    };
  }
  if (quote.expiresAt + protocolLimits.clockSkewMsMax < view.now) {
    return { code: 'expired', message: 'the quote has expired; ask for a new one' };
  }
  if (assign.deadlineAt + protocolLimits.clockSkewMsMax < view.now)
    return { code: 'expired', message: 'the deadline has passed' };
  if (assign.payload.type !== 'plain') return { code: 'policy', message: 'sealed payloads come with a later version' };

  if (served === undefined) return view.unserved;
  if (!served.models.includes(quote.model))
    return { code: 'model-missing', message: 'this node does not serve this model' };
  const { inputs } = assign.payload;
  if (assign.kind.type === 'check') {
    if (served.installed.template.tokenDivergence === undefined)
      return { code: 'policy', message: 'this template has no tokens that could be checked' };
    if (assign.kind.claims.length !== inputs.length)
      return { code: 'bad-input', message: `${assign.kind.claims.length} claims for ${inputs.length} inputs` };
  }
  const fault = judgeInputs(assign, inputs, served, limitsFor(client, config).itemsPerShardMax);
  if (fault !== null) return { code: 'bad-input', message: fault };

  const price = client === ownPeer ? micro.zero : priceOf(quote.price, inputs.length);
  if (micro.less(assign.priceMicro, price)) {
    return {
      code: 'price',
      message: `this shard costs ${price} micro-credits here; ${assign.priceMicro} were offered`,
    };
  }
  return judgeRoom(client, ownPeer, view);
}

/** Is there room for one more? */
function judgeRoom(client: PeerId, ownPeer: PeerId, view: Room): Decline | null {
  const refusal = judgeClient(client, ownPeer, view);
  if (refusal !== null) return refusal;
  const { config } = view;
  const { inFlightMax } = limitsFor(client, config);
  if (view.pending >= config.queueMax) {
    return { code: 'no-capacity', message: `the queue of ${config.queueMax} is full`, retryAfterMs: soonMs };
  }
  // All that is pending may still bring a result, and this one has inputs as well.
  if (view.storedBytes + (view.pending + 2) * protocolLimits.inlineBytesMax > config.storageBytesMax) {
    return {
      code: 'no-capacity',
      message: 'the disk that the owner gives to jobs is full (provider.storageBytesMax)',
      retryAfterMs: storageMs,
    };
  }
  if (view.pendingOfClient >= inFlightMax) {
    return {
      code: 'no-capacity',
      message: `this client has ${view.pendingOfClient} shards here already; at most ${inFlightMax}`,
      retryAfterMs: soonMs,
    };
  }
  if (!view.credit.ok) return creditDecline(view.credit);
  return null;
}

export function creditDecline({ message, retryAfterMs }: { message: string; retryAfterMs: number }): Decline {
  return { code: 'credit-limit', message, retryAfterMs };
}

function judgeInputs(
  assign: MessageBody<'shard.assign'>,
  inputs: readonly unknown[],
  served: Served,
  itemsMax: number,
): string | null {
  if (inputs.length > itemsMax) return `a shard has at most ${itemsMax} items here, not ${inputs.length}`;
  if (hashOf(inputs) !== assign.inputsHash) return 'the inputs do not hash to inputsHash';
  if (canonicalBytes(inputs).length > protocolLimits.inlineBytesMax) {
    return `inputs inside a message have at most ${protocolLimits.inlineBytesMax} bytes (inlineBytesMax)`;
  }
  const { prefixes } = assign;
  if (prefixes !== undefined && !served.installed.template.streaming)
    return 'outputs of this template cannot begin with given tokens';
  if (prefixes !== undefined && prefixes.length !== inputs.length)
    return `${prefixes.length} prefixes for ${inputs.length} inputs`;
  const params = served.checkParams(assign.params);
  if (params !== null) return `params: ${params}`;
  for (const [index, input] of inputs.entries()) {
    const fault = served.checkInput(input);
    if (fault !== null) return `input ${index}: ${fault}`;
  }
  return null;
}
