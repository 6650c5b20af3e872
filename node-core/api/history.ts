/** `wallet.ledger` and `logs.query`: the past, from the store's read models. */
import { events, type MethodParams, type MethodResult } from '../protocol/index.ts';
import type { Rooms } from './rooms.ts';

export async function ledger(
  { ports }: Rooms,
  { limit, before, peer }: MethodParams<'wallet.ledger'>,
): Promise<MethodResult<'wallet.ledger'>> {
  const rows = await ports.store.history.ledger({
    limit,
    ...(before === undefined ? {} : { before }),
    ...(peer === undefined ? {} : { peer }),
  });
  return { rows: rows.map((row) => ({ ...row })) };
}

export async function queryLog(rooms: Rooms, params: MethodParams<'logs.query'>): Promise<MethodResult<'logs.query'>> {
  const { before, limit, jobId, peerId, types, text, textTypes = [] } = params;
  const span = text === undefined ? null : searchSpan(rooms.journal.durableSeq, params);
  const after = span === null ? params.after : span.from - 1;
  const entries = await rooms.ports.store.history.entries({
    after,
    limit,
    ...(span !== null ? { before: span.to + 1 } : before === undefined ? {} : { before }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(peerId === undefined ? {} : { peerId }),
    ...(types === undefined ? {} : { types }),
    ...(text === undefined ? {} : { text: { part: text, types: textTypes } }),
  });
  return {
    entries: entries.map(({ seq, at, event }) => ({
      seq,
      at,
      room: events[event.type].room,
      summary: events[event.type].summary,
      event,
    })),
    next: entries.at(-1)?.seq ?? (span === null ? after : span.to),
    ...(span === null ? {} : { searched: span }),
  };
}

/** A search looks at every entry: at so many, backwards from where it begins. */
const searchedMax = 100_000;

function searchSpan(
  last: number,
  { after, before }: Pick<MethodParams<'logs.query'>, 'after' | 'before'>,
): { from: number; to: number } {
  const to = Math.min(last, (before ?? Number.MAX_SAFE_INTEGER) - 1);
  return { from: Math.max(after + 1, to - searchedMax + 1), to };
}
