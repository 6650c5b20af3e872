/** The one link of this page, handed down to its components. */
import { createContext } from 'svelte';
import type { Shell } from '../shell/shell.ts';
import type { NodeLink } from './link.svelte.ts';
import type { Live, Query } from './live.svelte.ts';

export interface AppContext {
  readonly link: NodeLink;
  readonly live: Live;
  readonly shell: Shell;
}

export const [useApp, setApp] = createContext<AppContext>();

/** Keeps an answer fresh while the component is there, and asks again after each reconnection. */
export function watching<Q extends Query<never> | { watch(): () => void; refresh(): Promise<void> }>(query: Q): Q {
  const { link } = useApp();
  $effect(() => query.watch());
  let seen = link.connections;
  $effect(() => {
    if (link.connections === seen) return;
    seen = link.connections;
    void query.refresh();
  });
  return query;
}
