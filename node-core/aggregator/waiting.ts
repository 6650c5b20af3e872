/** A job for which nobody is there: looks further, and says in the log why nothing goes on. */
import { copiesOf, type FailureCode } from '../protocol/index.ts';
import type { RunningJob } from './running-job.ts';
import type { Job } from './state.ts';
import { rankFor } from './wishes.ts';

export class Waiting {
  readonly #r: RunningJob;
  readonly #guard: (effect: () => Promise<void>) => Promise<boolean>;
  readonly #discovered: () => void;
  #discoveredAt = Number.NEGATIVE_INFINITY;
  #explainedAt = Number.NEGATIVE_INFINITY;

  /** @param discovered others may be known now. */
  constructor(running: RunningJob, guard: (effect: () => Promise<void>) => Promise<boolean>, discovered: () => void) {
    this.#r = running;
    this.#guard = guard;
    this.#discovered = discovered;
  }

  explain(job: Job): void {
    const { clock, config, directory } = this.#r.context;
    const { template, model, templateName, policy, ownNode } = job.job;
    const now = clock.elapsed();
    if (now - this.#discoveredAt >= config.discoverMs) {
      this.#discoveredAt = now;
      void this.#guard(async () => {
        await directory.discover({ template, model }, config.candidatesMax, config.discoverMs);
        this.#discovered();
      });
    }
    // Reasons may change with every answer; the log need not hold each of them.
    if (now - Math.max(this.#r.startedAt, this.#explainedAt) < config.discoverMs) return;
    const { live, reasons } = directory.explain({ template, model });
    const audits = job.shards.some((shard) => shard.state === 'open' && shard.audit !== null) ? 1 : 0;
    const wanted = ownNode === 'only' ? 0 : copiesOf(policy) + audits;
    const items = Math.min(job.job.itemsPerShard, job.job.items);
    const refused = rankFor(this.#r.context, job.job, items).refused.length;
    const said = [...reasons, ...this.#r.quotes.reasons()];
    if (refused > 0)
      said.push(`${refused} more would do, and ${refused === 1 ? 'is' : 'are'} blocked or left out by you`);
    if (job.job.providers?.only !== undefined) said.push('only the providers that were chosen for it are asked');
    let reason: string;
    if (ownNode === 'only')
      reason = `only this node may run the job, and it does not provide ${templateName}: switch the provider on, or allow other nodes`;
    else if (live < wanted)
      reason = `${wanted} different providers of ${templateName} are needed, ${live} ${live === 1 ? 'is' : 'are'} known${said.length > 0 ? `: ${said.join('; ')}` : ''}`;
    else reason = `no provider takes the work at present${said.length > 0 ? `: ${said.join('; ')}` : ''}`;
    this.#commit(job, 'no-capacity', reason);
  }

  /** It waits for something else than providers. */
  say(job: Job, code: FailureCode, reason: string): void {
    const { clock, config } = this.#r.context;
    if (clock.elapsed() - Math.max(this.#r.startedAt, this.#explainedAt) < config.discoverMs) return;
    this.#commit(job, code, reason);
  }

  #commit(job: Job, code: FailureCode, fullReason: string): void {
    const { clock, journal } = this.#r.context;
    const reason = fullReason.slice(0, 500);
    if (job.waiting?.reason === reason) return;
    this.#explainedAt = clock.elapsed();
    void this.#guard(() => journal.commit([{ type: 'job.waiting', jobId: job.jobId, code, reason }]));
  }
}
