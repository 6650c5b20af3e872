/** What the list of jobs was last searched for, and found: it is still so when one comes back from a job. */
import type { JobState, MethodResult } from '../../node-core/protocol/index.ts';

export type JobRow = MethodResult<'jobs.list'>['jobs'][number];

class JobsView {
  text = $state('');
  state = $state<JobState | 'all'>('all');
  /** Null until the node has answered. */
  total = $state<number | null>(null);
  /** By page; a page that is asked for is there, and empty. */
  pages = $state.raw<ReadonlyMap<number, readonly JobRow[]>>(new Map());
}

export const jobsView = new JobsView();
