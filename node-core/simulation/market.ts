/** For tests of whole nodes: a client and providers in a simulated world, and what their logs say. */
import type {
  EventOf,
  EventType,
  JobSpecInput,
  MethodInput,
  MethodName,
  MethodResult,
  PeerId,
  WalletSummary,
} from '../protocol/index.ts';
import { rightLabel } from './executor.ts';
import { type NodeOptions, type SimulatedNode, World } from './world.ts';

export type ProviderOptions = Partial<NodeOptions>;

export class Market {
  readonly world: World;
  readonly client: SimulatedNode;
  readonly providers: SimulatedNode[] = [];

  constructor(client: Partial<NodeOptions> = {}, seed = 1) {
    this.world = new World({ seed });
    this.client = this.world.add({ name: 'client', ...client });
  }

  /** All are online and know each other. */
  static async open(providers: readonly ProviderOptions[], client: Partial<NodeOptions> = {}): Promise<Market> {
    const market = new Market(client);
    await market.start(market.client);
    for (const options of providers) await market.join(options);
    await market.pass(15_000);
    return market;
  }

  async start(node: SimulatedNode): Promise<void> {
    node.start();
    await this.world.run(10_000, () => node.isOnline);
  }

  async join(options: ProviderOptions = {}): Promise<SimulatedNode> {
    const node = this.world.add({ name: `provider-${this.providers.length}`, provider: true, ...options });
    this.providers.push(node);
    await this.start(node);
    return node;
  }

  pass(ms: number, isOver?: () => boolean): Promise<void> {
    return this.world.run(ms, isOver);
  }

  /** @throws what the method throws, or Error when it does not answer. */
  async call<M extends MethodName>(method: M, params: MethodInput<M>, node = this.client): Promise<MethodResult<M>> {
    const answer = await this.world.until(node.node.api.call(method, params));
    if (answer === null) throw new Error(`${method} did not answer`);
    return answer.value;
  }

  async submit(change: Partial<JobSpecInput> = {}, items = 40): Promise<string> {
    const inputs = Array.from({ length: items }, (_, n) => ({ n }));
    const spec = { template: 'colours', inputs, budgetMicro: '1000000', ...change };
    return (await this.call('jobs.submit', spec)).jobId;
  }

  /** Runs on until the job has ended. @returns how, or null when it has not by then. */
  async end(jobId: string, ms = 300_000): Promise<EventOf<'job.ended'> | null> {
    const find = () => this.events('job.ended').find((event) => event.jobId === jobId) ?? null;
    // The log is only read again when it has grown.
    let length = -1;
    await this.pass(ms, () => {
      if (this.client.disk.length === length) return false;
      length = this.client.disk.length;
      return find() !== null;
    });
    return find();
  }

  async run(
    change: Partial<JobSpecInput> = {},
    items = 40,
  ): Promise<{ jobId: string; ended: EventOf<'job.ended'> | null }> {
    const jobId = await this.submit(change, items);
    return { jobId, ended: await this.end(jobId) };
  }

  events<T extends EventType>(type: T, node = this.client): Array<EventOf<T>> {
    const is = (event: { type: EventType }): event is EventOf<T> => event.type === type;
    return node.disk.entries().flatMap(({ event }) => (is(event) ? [event] : []));
  }

  /** Until the client's log holds such an event. */
  async until<T extends EventType>(
    type: T,
    which: (event: EventOf<T>) => boolean = () => true,
    ms = 60_000,
  ): Promise<void> {
    let length = -1;
    let found = false;
    await this.pass(ms, () => {
      if (this.client.disk.length === length) return false;
      length = this.client.disk.length;
      found = this.events(type).some(which);
      return found;
    });
    if (!found) throw new Error(`no ${type} within ${ms} ms`);
  }

  /** Outputs that are there and wrong, and those that are missing. */
  async outcome(jobId: string): Promise<{ wrong: number; missing: number; how: string[] }> {
    const { outputs } = await this.call('jobs.results', { jobId });
    const there = outputs.filter(({ how }) => how !== 'missing');
    const wrong = there.filter(
      ({ index, output }) => JSON.stringify(output) !== JSON.stringify({ label: rightLabel(index) }),
    );
    return {
      wrong: wrong.length,
      missing: outputs.length - there.length,
      how: [...new Set(outputs.map(({ how }) => how))],
    };
  }

  wallet(node = this.client): Promise<WalletSummary> {
    return this.call('wallet.summary', {}, node);
  }

  /** Paid to each provider, by the client's log. */
  paidTo(peer: PeerId): number {
    return this.events('payment.paid').reduce(
      (sum, { peer: to, priceMicro }) => sum + (to === peer ? Number(priceMicro) : 0),
      0,
    );
  }
}
