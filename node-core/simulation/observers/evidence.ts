/** I8: who is rejected, penalised or told so is shown evidence that would convince somebody who was not there. */
import {
  Evidence,
  evidenceFault,
  type Id,
  itemsThatDiffer,
  type PeerId,
  type ReplicaId,
  type ShardId,
  type VerifiesBytes,
} from '../../protocol/index.ts';

export interface Accused {
  readonly client: PeerId;
  readonly provider: PeerId;
  readonly jobId: Id;
  readonly shardId: ShardId;
  readonly replicaId: ReplicaId;
  /** That it was given; left out where only its own word on it is known. */
  readonly items?: number;
}

/** What is wrong with the evidence against somebody; null when it convinces. @param said as it was written or sent. */
export function whyUnconvincing(verifier: VerifiesBytes, accused: Accused, said: unknown): string | null {
  const parsed = Evidence.safeParse(said);
  if (!parsed.success) return 'there is none that can be read';
  const evidence = parsed.data;
  const { opening, stream } = evidence.accused;
  const [first] = evidence.quorum;
  const reason = stream !== undefined ? 'stream-mismatch' : first === undefined ? 'reveal-mismatch' : 'minority';
  return evidenceFault(verifier, {
    ...accused,
    v: 1,
    kind: 'bad',
    template: '',
    model: null,
    at: 0,
    reason,
    items: accused.items ?? opening.itemHashes.length,
    itemsWrong: reason === 'minority' && first !== undefined ? itemsThatDiffer(opening, first.opening) : 0,
    evidence,
  });
}
