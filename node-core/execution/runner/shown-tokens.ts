/** What a run has shown of its items as they grew, held against the outputs that follow: shown must be a prefix. */
import type { TokenPiece } from '../../ports/index.ts';
import type { Json } from '../../protocol/index.ts';
import { StreamedOutput } from './messages.ts';

interface Shown {
  readonly tokenIds: number[];
  text: string;
}

export class ShownTokens {
  readonly #prefixes: readonly (readonly number[])[];
  readonly #items = new Map<number, Shown>();

  constructor(prefixes: readonly (readonly number[])[]) {
    this.#prefixes = prefixes;
  }

  /** @returns what is wrong with the piece. */
  take({ item, index, tokenIds, text }: TokenPiece): string | null {
    const shown = this.#items.get(item) ?? { tokenIds: [], text: '' };
    const expected = (this.#prefixes[item]?.length ?? 0) + shown.tokenIds.length;
    if (index !== expected) return `wrote token ${index} of item ${item} where ${expected} comes next`;
    for (const id of tokenIds) shown.tokenIds.push(id);
    shown.text += text;
    this.#items.set(item, shown);
    return null;
  }

  /** @returns what is wrong with the output, in view of the forced prefix and what was shown. */
  judge(item: number, output: Json): string | null {
    const prefix = this.#prefixes[item] ?? [];
    const shown = this.#items.get(item) ?? { tokenIds: [], text: '' };
    this.#items.delete(item);
    if (prefix.length === 0 && shown.tokenIds.length === 0) return null;
    const parsed = StreamedOutput.safeParse(output);
    if (!parsed.success) return `wrote output ${item} without the text and tokenIds that it streamed`;
    const { text, tokenIds } = parsed.data;
    const first = [...prefix, ...shown.tokenIds];
    // The text of a prefix is not ours to know: what was shown comes somewhere after it.
    const isText = prefix.length === 0 ? text.startsWith(shown.text) : text.includes(shown.text);
    return isText && first.every((id, at) => id === tokenIds[at])
      ? null
      : `wrote output ${item} that does not begin with what it had shown`;
  }
}
