/**
 * The door for node records and tombstones, whoever brings them: the DHT (as validator and selector of the network),
 * gossip, or an answer to a look-up.
 *
 * It is pure but for one memory: the highest sequence per peer. kad-dht stores whatever its validator lets through, so
 * without this memory anybody could put a peer's older record, or its record from before it left, over the present one.
 */
import type { Clock, Verifier } from '../ports/index.ts';
import {
  isSigned,
  type NodeRecordValue,
  nodeRecordKey,
  nodeRecordPrefix,
  type PeerId,
  protocolLimits,
  SignedLeave,
  SignedNodeRecord,
  utf8,
  z,
} from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { directoryLimits } from './limits.ts';

export type RecordProblem = 'too-large' | 'malformed' | 'foreign-key' | 'expired' | 'old-sequence' | 'bad-signature';

export class RecordRefused extends Error {
  override readonly name = 'RecordRefused';
  readonly code: RecordProblem;
  constructor(code: RecordProblem, message: string) {
    super(message);
    this.code = code;
  }
}

export interface RecordDoorOptions {
  readonly clock: Clock;
  readonly verifier: Verifier;
  /** Peers whose sequence is remembered. */
  readonly peersMax: number;
}

interface Seen {
  readonly sequence: number;
  /** Tells a copy of the record from another record of the same sequence. */
  readonly signature: string;
}

export class RecordDoor {
  readonly #options: RecordDoorOptions;
  readonly #seen: BoundedMap<PeerId, Seen>;
  /** Text → its value, parsed and with a good signature. */
  readonly #recent = new BoundedMap<string, NodeRecordValue>(directoryLimits.recentRecordsMax);

  constructor(options: RecordDoorOptions) {
    this.#options = options;
    this.#seen = new BoundedMap(options.peersMax);
  }

  /** The highest sequence seen of a peer, 0 before the first. */
  highest(peer: PeerId): number {
    return this.#seen.get(peer)?.sequence ?? 0;
  }

  /** The value under a key of the DHT. @throws RecordRefused */
  open(key: string, bytes: Uint8Array): NodeRecordValue {
    const text = readText(bytes);
    const known = this.#recent.get(text);
    const value = known ?? parse(text);
    if (!key.startsWith(nodeRecordPrefix)) {
      throw new RecordRefused('foreign-key', `${key.slice(0, 100)} is not the key of a node record`);
    }
    if (key !== nodeRecordKey(value.body.peerId)) {
      throw new RecordRefused(
        'foreign-key',
        `a record of ${value.body.peerId} lies under the key ${key.slice(0, 100)}, which is not its own`,
      );
    }
    this.#judge(value, known !== undefined);
    this.#recent.set(text, value);
    return value;
  }

  /** A value that came with gossip. @throws RecordRefused */
  admit(value: NodeRecordValue): void {
    this.#judge(value, false);
  }

  /** Index of the best of several values: the highest sequence; of equals the tombstone, then the lower signature. */
  select(values: readonly Uint8Array[]): number {
    let best = 0;
    let bestValue: NodeRecordValue | null = null;
    for (const [i, bytes] of values.entries()) {
      let value: NodeRecordValue;
      try {
        const text = readText(bytes);
        value = this.#recent.get(text) ?? parse(text);
      } catch {
        continue;
      }
      if (bestValue === null || isBetter(value, bestValue)) {
        best = i;
        bestValue = value;
      }
    }
    return best;
  }

  #judge(value: NodeRecordValue, verified: boolean): void {
    const { body, by, signature } = value;
    const { peerId, sequence, expiresAt } = body;
    if (by !== peerId) {
      throw new RecordRefused('foreign-key', `a record of ${peerId} is signed by another key, that of ${by}`);
    }
    const late = this.#options.clock.now() - expiresAt;
    if (late > protocolLimits.clockSkewMsMax) {
      throw new RecordRefused('expired', `the record expired ${late} ms ago`);
    }
    const seen = this.#seen.get(peerId);
    if (seen !== undefined && sequence < seen.sequence) {
      throw new RecordRefused('old-sequence', `old sequence ${sequence}, ${seen.sequence} is known`);
    }
    if (!verified && !isSigned(this.#options.verifier, domainOf(value), value)) {
      throw new RecordRefused('bad-signature', `the signature does not verify with the key of ${peerId}`);
    }
    if (seen !== undefined && sequence === seen.sequence && signature !== seen.signature) {
      throw new RecordRefused('old-sequence', `old sequence ${sequence}, another record with it is known`);
    }
    this.#seen.set(peerId, { sequence, signature });
  }
}

function domainOf(value: NodeRecordValue): 'node-record' | 'leave' {
  return value.body.kind === 'node' ? 'node-record' : 'leave';
}

function readText(bytes: Uint8Array): string {
  if (bytes.length > protocolLimits.recordBytesMax) {
    throw new RecordRefused(
      'too-large',
      `a record of ${bytes.length} bytes; at most ${protocolLimits.recordBytesMax} (recordBytesMax)`,
    );
  }
  try {
    return utf8.decode(bytes);
  } catch {
    throw new RecordRefused('malformed', 'a record is JSON in UTF-8');
  }
}

function parse(text: string): NodeRecordValue {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new RecordRefused('malformed', 'a record is JSON in UTF-8');
  }
  // By its kind, so that the reason names the field that is wrong and not the union.
  const schema = isTombstone(json) ? SignedLeave : SignedNodeRecord;
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RecordRefused(
    'malformed',
    `not a node record: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.slice(0, 300),
  );
}

const LeaveKind = z.object({ body: z.object({ kind: z.literal('leave') }) });

function isTombstone(json: unknown): boolean {
  return LeaveKind.safeParse(json).success;
}

function isBetter(a: NodeRecordValue, b: NodeRecordValue): boolean {
  if (a.body.sequence !== b.body.sequence) return a.body.sequence > b.body.sequence;
  if (a.body.kind !== b.body.kind) return a.body.kind === 'leave';
  return a.signature < b.signature;
}
