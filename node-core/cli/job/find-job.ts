/** People type the first letters of an id, or `last`. */
import type { NodeApi } from '../../protocol/index.ts';
import { z } from '../../protocol/index.ts';
import { CliError } from '../exit-codes.ts';
import { jobIdText } from '../text/units.ts';

/** As it stands on the command line. */
export const jobRef = () =>
  z.string().regex(/^(last|[0-9a-f]{4,32})$/, 'expected the id of a job, at least 4 letters of it, or last');

export async function findJob(node: NodeApi, ref: string): Promise<string> {
  if (ref.length === 32) return ref;
  if (ref === 'last') {
    const { jobs } = await node.call('jobs.list', { limit: 1 });
    if (jobs[0] === undefined) throw new CliError('not-found', 'there is no job yet; submit one first');
    return jobs[0].jobId;
  }
  const { jobs } = await node.call('jobs.list', { text: ref, limit: 1000 });
  const found = jobs.map(({ jobId }) => jobId).filter((jobId) => jobId.startsWith(ref));
  const [only] = found;
  if (only === undefined) throw new CliError('not-found', `no job's id begins with ${ref}; \`jobs\` lists them`);
  if (found.length > 1) {
    throw new CliError(
      'usage',
      `${found.length} jobs' ids begin with ${ref}: ${found.slice(0, 5).map(jobIdText).join(', ')}; give more of it`,
    );
  }
  return only;
}
