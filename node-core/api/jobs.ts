/** `jobs.*`: jobs under way come from the aggregator's state, finished ones from history. */
import type { Job, Replica } from '../aggregator/index.ts';
import type { JobRow } from '../ports/index.ts';
import { ApiError, FailureCode, type Id, type MethodParams, type MethodResult } from '../protocol/index.ts';
import type { Rooms } from './rooms.ts';

type Summary = MethodResult<'jobs.cancel'>;

function summaryOf({ payment }: Rooms, { jobId, job, state, shards, createdAt, waiting, cancelling }: Job): Summary {
  return {
    jobId,
    label: job.label,
    state,
    template: job.template,
    templateName: job.templateName,
    items: job.items,
    shardsTotal: shards.length,
    shardsAccepted: shards.filter((shard) => shard.state === 'accepted').length,
    budgetMicro: job.budgetMicro,
    spentMicro: payment.spentOf(jobId),
    createdAt,
    endedAt: null,
    code: waiting?.code ?? null,
    reason: cancelling?.reason ?? waiting?.reason ?? '',
  };
}

function summaryOfRow(row: JobRow): Summary {
  const { seq: _, resultsHash: __, code, ...rest } = row;
  return { ...rest, code: FailureCode.nullable().catch('internal').parse(code) };
}

export async function listJobs(rooms: Rooms, params: MethodParams<'jobs.list'>): Promise<MethodResult<'jobs.list'>> {
  const { limit, before, skip, state, text } = params;
  const { history } = rooms.ports.store;
  const matching = { ...(state === undefined ? {} : { state }), ...(text === undefined ? {} : { text }) };
  const [rows, total] = await Promise.all([
    history.jobs({ limit, skip, ...(before === undefined ? {} : { before }), ...matching }),
    history.countJobs(matching),
  ]);
  const jobs = rows.map((row) => {
    // The state in memory may be a moment ahead of the read model.
    const job = rooms.aggregator.job(row.jobId);
    return { seq: row.seq, ...(job === undefined ? summaryOfRow(row) : summaryOf(rooms, job)) };
  });
  return { jobs, total };
}

export async function getJob(rooms: Rooms, jobId: Id): Promise<MethodResult<'jobs.get'>> {
  const { aggregator, ports } = rooms;
  const job = aggregator.job(jobId);
  if (job !== undefined) {
    const shards = job.shards.map(({ shardId, index, start, count, state, how, replicas }) => ({
      shardId,
      index,
      start,
      count,
      state,
      how,
      replicas: replicas.map((replica: Replica) => ({
        replicaId: replica.replicaId,
        provider: replica.provider,
        role: replica.role,
        state: replica.state,
        itemsDone: aggregator.itemsDone(replica),
        priceMicro: replica.priceMicro,
        terms: Object.fromEntries(
          Object.entries(replica.terms).map(([name, thousandths]) => [name, thousandths / 1000]),
        ),
      })),
    }));
    return { ...summaryOf(rooms, job), deadlineAt: job.deadlineAt, shards };
  }
  const row = await ports.store.history.job(jobId);
  if (row === null) throw new ApiError('not-found', `no job ${jobId} is known here; jobs.list names those that are`);
  return { ...summaryOfRow(row), deadlineAt: row.endedAt ?? row.createdAt, shards: [] };
}

export async function jobResults(rooms: Rooms, jobId: Id): Promise<MethodResult<'jobs.results'>> {
  const { state, items } = await getJob(rooms, jobId);
  const outputs = await rooms.aggregator.results(jobId);
  if (outputs === null && state === 'done') {
    const minutes = Math.round(rooms.config.aggregator.resultsKeepMs / 60_000);
    const span = minutes < 2880 ? `${minutes} minutes` : `${Math.round(minutes / 1440)} days`;
    throw new ApiError(
      'not-found',
      `the results of job ${jobId} were deleted: they are kept for ${span} (aggregator.resultsKeepMs)`,
    );
  }
  const missing = { output: null, how: 'missing' as const };
  return {
    jobId,
    state,
    outputs: Array.from({ length: items }, (_, index) => ({ index, ...(outputs?.[index] ?? missing) })),
  };
}

export async function stopJob(rooms: Rooms, { jobId, item }: MethodParams<'jobs.stop'>): Promise<Summary> {
  // Of a job that has ended there is nothing left to stop.
  if (rooms.aggregator.job(jobId) === undefined) return getJob(rooms, jobId);
  await rooms.aggregator.stopAnswers(jobId, item ?? null);
  const after = rooms.aggregator.job(jobId);
  return after === undefined ? getJob(rooms, jobId) : summaryOf(rooms, after);
}

/** The spec of a job, to submit another like it. */
export async function jobSpec(rooms: Rooms, jobId: Id): Promise<MethodResult<'jobs.spec'>> {
  const [created] = await rooms.ports.store.history.entries({ after: 0, limit: 1, jobId, types: ['job.created'] });
  if (created?.event.type !== 'job.created') {
    throw new ApiError('not-found', `no job ${jobId} is known here; jobs.list names those that are`);
  }
  const inputs = await rooms.aggregator.inputs(jobId);
  if (inputs === null) {
    throw new ApiError(
      'not-found',
      `the inputs of job ${jobId} were deleted: they are kept as long as its results (aggregator.resultsKeepMs)`,
    );
  }
  const { templateName: _, modelName: __, items: ___, ...planned } = created.event.job;
  return { ...planned, inputs };
}

export async function cancelJob(rooms: Rooms, { jobId, reason }: MethodParams<'jobs.cancel'>): Promise<Summary> {
  const job = rooms.aggregator.job(jobId);
  if (job === undefined) {
    // A job that has ended cannot be cancelled; a job that never was is another error.
    const ended = await getJob(rooms, jobId);
    throw new ApiError('not-found', `job ${jobId} has ended already: it is ${ended.state}`);
  }
  await rooms.aggregator.cancel(jobId, reason);
  const after = rooms.aggregator.job(jobId);
  return after === undefined ? getJob(rooms, jobId) : summaryOf(rooms, after);
}

export function listTemplates({ known, directory }: Rooms): MethodResult<'jobs.templates'> {
  const { templates, models } = known();
  return {
    templates: [...templates.values()].map(({ template, models: its }) => ({
      id: template.id,
      name: template.name,
      title: template.title,
      description: template.description,
      verifier: template.verifier,
      models: its.map((cid) => ({ cid, name: models.get(cid)?.name ?? cid })),
      params: template.params,
      input: template.input,
      providers: new Set(
        (its.length > 0 ? its : [null]).flatMap((model) =>
          directory.liveProviders({ template: template.id, model }).map((peer) => peer.record.peerId),
        ),
      ).size,
    })),
  };
}
