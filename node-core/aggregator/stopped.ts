/** Copies of an answer that its owner stopped: each ended elsewhere, and they agree when they say the same as far as both go. */
import { hashOf, type Json, type Sha256, z } from '../protocol/index.ts';
import type { Revealed } from './payloads.ts';
import type { Replica } from './state.ts';

interface Copy {
  readonly replica: Pick<Replica, 'commitment'>;
  readonly revealed: Revealed;
}

const Streamed = z.object({ tokenIds: z.array(z.int()), text: z.string() });
/** The end of a stopped text may be a part of a character. */
const lettersInDoubt = 8;

/** Items of the shard that some copy has ended early, as its commitment says. */
function stoppedItems(copies: readonly Copy[]): number[] {
  return [...new Set(copies.flatMap(({ replica }) => replica.commitment?.body.stopped ?? []))];
}

/** Hashes to compare copies by: those of stopped items cover what all that stopped have. */
export function comparableHashes(copies: readonly Copy[]): readonly (readonly Sha256[])[] {
  const hashes = copies.map(({ revealed }) => [...revealed.opening.itemHashes]);
  for (const item of stoppedItems(copies)) {
    const stopped = copies.filter(({ replica }) => replica.commitment?.body.stopped?.includes(item) === true);
    const ends = stopped.map((copy) => streamed(copy, item));
    const tokens = Math.min(...ends.map(({ tokenIds }) => tokenIds.length));
    const letters = Math.max(0, Math.min(...ends.map(({ text }) => text.length)) - lettersInDoubt);
    for (const [i, copy] of copies.entries()) {
      const { tokenIds, text } = streamed(copy, item);
      const own = hashes[i];
      if (own !== undefined) own[item] = hashOf([tokenIds.slice(0, tokens), text.slice(0, letters)]);
    }
  }
  return hashes;
}

/** Of copies that agree on it, the answer to a stopped item: what goes on from what was shown, and the most of it. */
export function stoppedAnswer(item: number, agreeing: readonly Copy[], shown: string): Json | undefined {
  const isStopped = ({ replica }: Copy) => replica.commitment?.body.stopped?.includes(item) === true;
  const rank = (copy: Copy) => {
    const { text, tokenIds } = streamed(copy, item);
    return tokenIds.length + (isStopped(copy) ? 1_000_000 : 0) + (text.startsWith(shown) ? 2_000_000 : 0);
  };
  if (!agreeing.some(isStopped)) return undefined;
  const [best] = [...agreeing].sort((a, b) => rank(b) - rank(a));
  return best?.revealed.outputs[item];
}

function streamed({ revealed }: Copy, item: number): z.infer<typeof Streamed> {
  return Streamed.safeParse(revealed.outputs[item]).data ?? { tokenIds: [], text: '' };
}
