/** Blocks and favours computers, with a way back. */
import type { MethodResult } from '../../node-core/protocol/index.ts';
import type { NodeLink } from '../node/link.svelte.ts';
import { type Live, messageOf } from '../node/live.svelte.ts';
import { toasts } from '../shell/toasts.svelte.ts';
import { t } from '../text/en.ts';

export type Mark = MethodResult<'peers.mark'>['mark'];

export async function markPeer(link: NodeLink, live: Live, peerId: string, mark: Mark, before: Mark): Promise<void> {
  try {
    await link.call('peers.mark', { peerId, mark });
    await live.peers.refresh();
    toasts.show({
      kind: 'done',
      text: mark === null ? t.providers.unmarked[before ?? 'favoured'] : t.providers.marked[mark],
      action: { label: t.undo, run: () => void markPeer(link, live, peerId, before, mark) },
    });
  } catch (failure) {
    toasts.show({ kind: 'wrong', text: t.toasts.wrong, detail: messageOf(failure) });
  }
}
