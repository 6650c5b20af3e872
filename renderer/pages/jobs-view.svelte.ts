/** What the list of jobs was last searched for: it is still so when one comes back from a job. */
import type { JobState } from '../../node-core/protocol/index.ts';

class JobsView {
  text = $state('');
  state = $state<JobState | 'all'>('all');
}

export const jobsView = new JobsView();
