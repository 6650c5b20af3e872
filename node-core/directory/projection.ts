/** What the directory still knows after a restart: who was there, where to find some of them, and the own sequence. */
import type { Projection } from '../journal/index.ts';
import { hashOf, type LogEntry, type NodeRecord, type PeerId } from '../protocol/index.ts';

export interface DirectoryState {
  /** Highest sequence of the own record that the log holds. */
  ownSequence: number;
  /** Own content at that entry, see {@link contentOf}; empty before the first. */
  ownContent: string;
  /** Peers whose last entry is that they joined. */
  present: Record<PeerId, PresentPeer>;
  /** Entries of `present`: counting them for every event would cost a walk over all. */
  presentCount: number;
  /** Peers that were live once, the best to begin with last. */
  knownGood: KnownGoodPeer[];
}

export interface PresentPeer {
  /** Of the log entry; the lowest is dropped first. */
  seq: number;
  content: string;
  provider: boolean;
}

export interface KnownGoodPeer {
  peer: PeerId;
  addresses: string[];
  /** It fell silent; perhaps this node was cut off. */
  silent: boolean;
}

export interface DirectoryProjectionOptions {
  readonly self: PeerId;
  readonly peersMax: number;
  readonly knownGoodMax: number;
}

export function directoryProjection(options: DirectoryProjectionOptions): Projection<DirectoryState> {
  return {
    name: 'directory',
    version: 1,
    initial: () => ({ ownSequence: 0, ownContent: '', present: {}, presentCount: 0, knownGood: [] }),
    apply: (state, entry) => apply(state, entry, options),
  };
}

/** A record never changes, and is asked for its content when it is learnt and again when it is logged. */
const contents = new WeakMap<NodeRecord, string>();

/** Equal when a record says the same as another but for its sequence and times. */
export function contentOf(record: NodeRecord): string {
  const known = contents.get(record);
  if (known !== undefined) return known;
  const { addresses, agent, hardware, offers, attestation } = record;
  const content = hashOf({ addresses, agent, hardware, offers, attestation }).slice(0, 16);
  contents.set(record, content);
  return content;
}

function apply(state: DirectoryState, { seq, event }: LogEntry, options: DirectoryProjectionOptions): void {
  if (event.type === 'peer.joined') {
    const { record } = event;
    if (record.peerId === options.self) {
      state.ownSequence = Math.max(state.ownSequence, record.sequence);
      state.ownContent = contentOf(record);
      return;
    }
    if (state.present[record.peerId] === undefined) state.presentCount++;
    state.present[record.peerId] = { seq, content: contentOf(record), provider: record.offers.length > 0 };
    forgetOldest(state, options.peersMax);
    remember(state, { peer: record.peerId, addresses: record.addresses, silent: false }, options.knownGoodMax);
  } else if (event.type === 'peer.left') {
    if (state.present[event.peerId] !== undefined) state.presentCount--;
    delete state.present[event.peerId];
    const known = state.knownGood.find(({ peer }) => peer === event.peerId);
    if (known === undefined) return;
    if (event.how === 'silent') known.silent = true;
    else state.knownGood = state.knownGood.filter((other) => other !== known);
  }
}

/** Drops a tenth at once: finding the oldest costs a walk over all. */
function forgetOldest(state: DirectoryState, max: number): void {
  if (state.presentCount <= max) return;
  const peers = Object.entries(state.present).sort(([, a], [, b]) => a.seq - b.seq);
  const oldest = peers.slice(0, Math.max(peers.length - max, Math.floor(max / 10)));
  for (const [peer] of oldest) delete state.present[peer];
  state.presentCount -= oldest.length;
}

function remember(state: DirectoryState, peer: KnownGoodPeer, max: number): void {
  state.knownGood = state.knownGood.filter((other) => other.peer !== peer.peer);
  state.knownGood.push(peer);
  if (state.knownGood.length <= max) return;
  const silent = state.knownGood.findIndex((other) => other.silent);
  state.knownGood.splice(Math.max(silent, 0), 1);
}
