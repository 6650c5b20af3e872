import type { NodeLink } from '../node/link.svelte.ts';
import { type Live, messageOf } from '../node/live.svelte.ts';
import { t } from '../text/en.ts';
import { toasts } from './toasts.svelte.ts';

/** Stops all work for others where it stands, or lets it go on. The dashboard says which. */
export async function pauseProvider(link: NodeLink, live: Live, paused: boolean): Promise<void> {
  try {
    live.provider.value = await link.call('provider.pause', { paused });
    await live.status.refresh();
  } catch (error) {
    toasts.show({ kind: 'wrong', text: t.toasts.wrong, detail: messageOf(error) });
  }
}

/** Switches, says so, and offers the way back. */
export async function switchProvider(link: NodeLink, live: Live, on: boolean, isUndo = false): Promise<void> {
  try {
    live.provider.value = await link.call('provider.switch', { on });
    await live.status.refresh();
    const text = on ? t.provider.turnedOn : t.provider.turnedOff;
    const action = { label: t.undo, run: () => void switchProvider(link, live, !on, true) };
    toasts.show({ kind: 'done', text, ...(!isUndo && { action }) });
  } catch (error) {
    toasts.show({ kind: 'wrong', text: t.toasts.wrong, detail: messageOf(error) });
  }
}
