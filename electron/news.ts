/** Which events of the log are worth a notification. */
import type { NodeEvent } from '../node-core/protocol/index.ts';

export interface News {
  readonly title: string;
  readonly body: string;
  /** Where a click leads. */
  readonly to: string;
}

export function newsOf(event: NodeEvent, ownPeerId: string | null): News | null {
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
  if (event.type === 'receipt.stored') {
    const { body } = event.receipt;
    if (body.kind === 'bad' && body.provider === ownPeerId) {
      return {
        title: 'Penalty',
        body: 'A wrong answer of this computer was proven.',
        to: `#/providers/${body.provider}`,
      };
    }
  }
  return null;
}
