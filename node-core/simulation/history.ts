/** The Store port's questions about the past, answered from the entries themselves. */
import type { EntriesQuery, History, JobRow, JobsQuery, LedgerQuery, LedgerRow } from '../ports/index.ts';
import { type LogEntry, micro, type NodeEvent, type PeerId } from '../protocol/index.ts';

export function historyOf(entries: () => readonly LogEntry[]): History {
  const jobs = (): JobRow[] => foldJobs(entries()).reverse();
  return {
    jobs: async ({ limit, before, skip = 0, ...query }: JobsQuery) =>
      jobs()
        .filter((row) => (before === undefined || row.seq < before) && isWanted(row, query))
        .slice(skip, skip + limit),
    countJobs: async (query) => jobs().filter((row) => isWanted(row, query)).length,
    job: async (jobId) => jobs().find((row) => row.jobId === jobId) ?? null,
    entries: async ({ after, before, limit, jobId, peerId, types, text }: EntriesQuery) => {
      const all = entries();
      const found: LogEntry[] = [];
      // Entries are numbered from 1 without a gap.
      const end = before === undefined ? all.length : Math.min(before - 1, all.length);
      for (let i = Math.max(0, after); i < end; i++) {
        if (before === undefined && found.length === limit) break;
        const entry = all[i];
        if (entry === undefined) break;
        const { event } = entry;
        if (jobId !== undefined && !('jobId' in event && event.jobId === jobId)) continue;
        if (peerId !== undefined && !concerns(event, peerId)) continue;
        if (text !== undefined && !holds(event, text)) continue;
        if (types === undefined || types.includes(event.type)) found.push(entry);
      }
      return before === undefined ? found : found.slice(-limit);
    },
    ledger: async ({ limit, before, peer }: LedgerQuery) =>
      foldLedger(entries())
        .filter((row) => (before === undefined || row.seq < before) && (peer === undefined || row.peer === peer))
        .reverse()
        .slice(0, limit),
  };
}

/** Less than the real store's index: what is asked for by peer here. */
function concerns(event: NodeEvent, peer: PeerId): boolean {
  if ('receipt' in event) return event.receipt.body.client === peer || event.receipt.body.provider === peer;
  return ('peerId' in event && event.peerId === peer) || ('provider' in event && event.provider === peer);
}

function isWanted(row: JobRow, { state, text }: Pick<JobsQuery, 'state' | 'text'>): boolean {
  return (state === undefined || row.state === state) && (text === undefined || row.label.includes(text));
}

function foldJobs(entries: readonly LogEntry[]): JobRow[] {
  const rows = new Map<string, JobRow>();
  const change = (jobId: string, fields: Partial<JobRow>): void => {
    const row = rows.get(jobId);
    if (row !== undefined && row.endedAt === null) rows.set(jobId, { ...row, ...fields });
  };
  for (const { seq, at, event } of entries) {
    switch (event.type) {
      case 'job.created': {
        const { jobId, job } = event;
        const { label, template, templateName, items, budgetMicro } = job;
        rows.set(jobId, {
          seq,
          jobId,
          label,
          state: 'planning',
          template,
          templateName,
          items,
          shardsTotal: 0,
          shardsAccepted: 0,
          spentMicro: '0',
          budgetMicro,
          createdAt: at,
          endedAt: null,
          code: null,
          reason: '',
          resultsHash: null,
        });
        break;
      }
      case 'job.planned':
        change(event.jobId, { state: 'running', shardsTotal: event.counts.length });
        break;
      case 'job.waiting':
        change(event.jobId, { code: event.code, reason: event.reason });
        break;
      case 'shard.accepted':
        change(event.jobId, { shardsAccepted: (rows.get(event.jobId)?.shardsAccepted ?? 0) + 1 });
        break;
      case 'payment.paid':
        change(event.jobId, { spentMicro: micro.add(rows.get(event.jobId)?.spentMicro ?? '0', event.priceMicro) });
        break;
      case 'job.ended': {
        const { state, code, reason, resultsHash, shardsAccepted, shardsTotal, spentMicro } = event;
        change(event.jobId, { state, code, reason, resultsHash, shardsAccepted, shardsTotal, spentMicro, endedAt: at });
        break;
      }
    }
  }
  return [...rows.values()];
}

function foldLedger(entries: readonly LogEntry[]): LedgerRow[] {
  return entries.flatMap(({ seq, at, event }): LedgerRow[] => {
    if (event.type === 'payment.paid') {
      return [
        {
          seq,
          at,
          peer: event.peer,
          direction: 'paid',
          amountMicro: event.priceMicro,
          cumulativeMicro: event.cumulativeMicro,
          replicaId: event.replicaId,
        },
      ];
    }
    if (event.type === 'payment.received') {
      return [
        {
          seq,
          at,
          peer: event.voucher.body.payer,
          direction: 'received',
          amountMicro: event.amountMicro,
          cumulativeMicro: event.voucher.body.cumulativeMicro,
          replicaId: null,
        },
      ];
    }
    return [];
  });
}

function holds(event: LogEntry['event'], { part, types }: NonNullable<EntriesQuery['text']>): boolean {
  return types.includes(event.type) || JSON.stringify(event).toLowerCase().includes(part.toLowerCase());
}
