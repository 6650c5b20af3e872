/** The conversation: kept while one looks at another page, and nowhere else. */
import { type Json, type MethodResult, type StreamItem, z } from '../../node-core/protocol/index.ts';
import type { NodeLink } from '../node/link.svelte.ts';
import { messageOf } from '../node/live.svelte.ts';

export interface Question {
  readonly role: 'user';
  readonly text: string;
}

export interface Answer {
  readonly role: 'assistant';
  readonly text: string;
  readonly jobId: string | null;
  /** Whether the text was checked, or why there is none. */
  readonly mark: 'waiting' | 'checked' | 'unchecked-by-policy' | 'own-node' | 'failed';
  readonly restarted: boolean;
}

const maxTokens = 200;
const deadlineMs = 120_000;
/** A question costs thousandths of a credit; this is the most that it may. */
const budgetMicro = '1000000';
/** The model's window is short: of a long conversation it is told the last part. */
const turnsTold = 6;

const Output = z.object({ text: z.string() });

/** Of the node it needs no more. */
export type ChatLink = Pick<NodeLink, 'call' | 'follow'>;

export class Chat {
  turns = $state.raw<readonly (Question | Answer)[]>([]);
  busy = $state(false);
  #jobId: string | null = null;
  /** It was asked to stop before the node had said which job it is. */
  #isStopWanted = false;

  clear(): void {
    if (!this.busy) this.turns = [];
  }

  async ask(link: ChatLink, template: string, prompt: string): Promise<void> {
    const before = this.turns.slice(-turnsTold).flatMap((turn): Json[] => {
      const isTold = turn.role === 'user' || (turn.mark !== 'failed' && turn.text !== '');
      return isTold ? [{ role: turn.role, content: turn.text }] : [];
    });
    this.busy = true;
    this.#isStopWanted = false;
    let end = (): void => {};
    this.turns = [
      ...this.turns,
      { role: 'user', text: prompt },
      { role: 'assistant', text: '', jobId: null, mark: 'waiting', restarted: false },
    ];
    try {
      // Followed before it is submitted: its first letters may come before the answer to this call.
      let early: StreamItem[] = [];
      let id: string | null = null;
      const show = (item: StreamItem): void => this.#show(item);
      end = link.follow((item) => {
        if (item.kind !== 'token' && item.kind !== 'restarted') return;
        if (id === null) early.push(item);
        else if (item.jobId === id) show(item);
      });
      const { jobId } = await link.call('jobs.submit', {
        template,
        inputs: [{ prompt, ...(before.length > 0 && { messages: before }) }],
        params: { maxTokens },
        stream: true,
        itemsPerShard: 1,
        budgetMicro,
        deadlineMs,
        label: prompt.slice(0, 80),
      });
      id = jobId;
      for (const item of early) if ('jobId' in item && item.jobId === jobId) show(item);
      early = [];
      this.#jobId = jobId;
      this.#change({ jobId });
      if (this.#isStopWanted) this.stop(link);
      await ended(link, jobId);
      this.#take(await link.call('jobs.results', { jobId }), await link.call('jobs.get', { jobId }));
    } catch (error) {
      this.#change({ mark: 'failed', text: messageOf(error) });
    } finally {
      end();
      this.#jobId = null;
      this.busy = false;
    }
  }

  stop(link: ChatLink): void {
    const jobId = this.#jobId;
    if (jobId === null) {
      this.#isStopWanted = this.busy;
      return;
    }
    link
      .call('jobs.stop', { jobId })
      .catch((error: unknown) => this.#change({ mark: 'failed', text: messageOf(error) }));
  }

  /** Provisional: what the verdict accepts takes its place. */
  #show(item: StreamItem): void {
    const last = this.turns.at(-1);
    if (last?.role !== 'assistant') return;
    if (item.kind === 'restarted') this.#change({ text: '', restarted: true });
    else if (item.kind === 'token') this.#change({ text: `${last.text.slice(0, item.letters)}${item.text}` });
  }

  #take({ outputs: [first] }: MethodResult<'jobs.results'>, { reason, state }: MethodResult<'jobs.get'>): void {
    if (first === undefined || first.how === 'missing') {
      this.#change({ mark: 'failed', text: reason === '' ? state : reason });
      return;
    }
    this.#change({ mark: first.how, text: Output.safeParse(first.output).data?.text ?? '' });
  }

  #change(fields: Partial<Answer>): void {
    const last = this.turns.at(-1);
    if (last?.role === 'assistant') this.turns = [...this.turns.slice(0, -1), { ...last, ...fields }];
  }
}

/** Also when the job ended before anybody followed it, and when the node was away meanwhile. */
function ended(link: ChatLink, jobId: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () =>
      link.call('jobs.get', { jobId }).then(
        (job) => job.endedAt !== null && done(),
        () => {},
      );
    const end = link.follow((item) => {
      if (item.kind === 'event' && item.event.type === 'job.ended' && item.event.jobId === jobId) done();
    });
    const timer = setInterval(look, 5_000);
    const done = (): void => {
      end();
      clearInterval(timer);
      resolve();
    };
    void look();
  });
}

export const chat = new Chat();
