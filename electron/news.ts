/** Which events of the log are worth a notification. */
import type { NodeEvent } from '../node-core/protocol/index.ts';

export interface News {
  readonly title: string;
  readonly body: string;
  /** Where a click leads. */
  readonly to: string;
}

export function newsOf(event: NodeEvent): News | null {
  if (event.type === 'job.ended') {
    const to = `#/jobs/${event.jobId}`;
    if (event.state === 'done') {
      return {
        title: 'Job done',
        body: event.itemsAccepted === 1 ? '1 result is ready.' : `${event.itemsAccepted} results are ready.`,
        to,
      };
    }
    if (event.state === 'failed') return { title: 'Job failed', body: event.reason, to };
  }
  if (event.type === 'provider.paused' && event.by === 'disk') {
    return { title: 'Low disk space', body: `No work is taken: ${event.reason}.`, to: '#/dashboard' };
  }
  // Its client's word comes first, and always; the receipt that proves it goes to others, and not to the one it is about.
  if (event.type === 'work.judged' && event.verdict === 'rejected') {
    return {
      title: 'Penalty',
      body: 'An answer of this computer was rejected: it is not paid, and counts against its reputation.',
      to: `#/logs?job=${event.jobId}`,
    };
  }
  return null;
}
