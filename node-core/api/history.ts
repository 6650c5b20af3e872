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

export async function queryLog(
  { ports }: Rooms,
  params: MethodParams<'logs.query'>,
): Promise<MethodResult<'logs.query'>> {
  const { after, before, limit, jobId, peerId, types } = params;
  const entries = await ports.store.history.entries({
    after,
    limit,
    ...(before === undefined ? {} : { before }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(peerId === undefined ? {} : { peerId }),
    ...(types === undefined ? {} : { types }),
  });
  return {
    entries: entries.map(({ seq, at, event }) => ({
      seq,
      at,
      room: events[event.type].room,
      summary: events[event.type].summary,
      event,
    })),
    next: entries.at(-1)?.seq ?? after,
  };
}
