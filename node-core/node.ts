/**
 * A node of Infernet: wires the rooms, starts and stops them in order, and implements `NodeApi`. It knows no adapter; the
 * simulator runs this very code.
 *
 *     const node = createNode(config, await realPorts(config));
 *     await node.start();
 *     const { jobId } = await node.api.call('jobs.submit', { template: 'text-classification', inputs, budgetMicro: '1000000' });
 */
import { Aggregator, type Known, type KnownTemplate } from './aggregator/index.ts';
import { createVitals, EngineLook, EventStream, makeApi, type NodeState } from './api/index.ts';
import { type Adoption, adopt, type NodeConfig, offeredOf, type SettingsChange } from './config/index.ts';
import { Directory } from './directory/index.ts';
import { Journal, type Projection } from './journal/index.ts';
import { Messenger } from './messaging/index.ts';
import { Payment } from './payment/index.ts';
import type { ExecutorInventory, Ports } from './ports/index.ts';
import { ApiError, type Capability, type Cid, compileSchema, type NodeApi } from './protocol/index.ts';
import { makeCatalogue, Pauses, Provider } from './provider/index.ts';
import { Checks, Reputation } from './reputation/index.ts';
import { nodeVersion } from './version.ts';

export interface InfernetNode {
  readonly api: NodeApi;
  /** Opens the log, goes online, goes on with what was under way. @throws what the ports throw; then nothing is left running. */
  start(): Promise<void>;
  /** Takes no more work, waits for what runs, tells others, closes. Twice is once. */
  stop(options?: { drainMs?: number; reason?: string }): Promise<void>;
  /** Canonical JSON of every room's state: for the simulator's comparison after a replay. */
  stateText(): string;
  /** Instead of {@link start}: only reads the log. @returns the state that it gives, as {@link stateText}. */
  replay(): Promise<string>;
  /**
   * Takes over what may change while it runs, from a configuration that was read again.
   * @returns what changed, and what has to wait for the next start.
   */
  configure(next: NodeConfig): Adoption;
  /** The node cannot go on (the log could not be written) or was told to stop by its API; the host should call `stop` and leave. */
  onEnd(listener: (error: Error | null) => void): void;
}

/** What a node has of whoever started it; without it settings cannot be changed by the API. */
export interface NodeHost {
  /**
   * Writes a change into the configuration file, if the whole is right with it.
   * @returns the configuration as it stands there now, and the file. @throws ApiError
   */
  saveSettings(change: SettingsChange): Promise<{ config: NodeConfig; file: string }>;
  /** Of the key file; asked for when its owner wants to see it, and kept nowhere. @throws ApiError */
  recoveryPhrase(): Promise<string>;
  /** Settings changed while the node runs: for those that are the host's own, as the level of the log. */
  configured(config: NodeConfig): void;
}

/** Did the last run end in order? */
const runsProjection: Projection<{ running: boolean }> = {
  name: 'node',
  version: 1,
  initial: () => ({ running: false }),
  apply: (state, { event }) => {
    if (event.type === 'node.started') state.running = true;
    if (event.type === 'node.stopped') state.running = false;
  },
};

/**
 * @param config parsed by its schema. It becomes the node's: `configure` and `settings.set` change it in place, and rooms
 * and adapters read from it what may change.
 */
export function createNode(config: NodeConfig, ports: Ports, host: NodeHost | null = null): InfernetNode {
  const { clock, random, network, signer, verifier, store, log } = ports;
  const vitals = createVitals(ports.executor, clock, ports.host);
  const { executor } = vitals;
  let state: NodeState = 'stopped';
  let startedAt = 0;
  let inventory: ExecutorInventory | null = null;
  let known: Known = { templates: new Map(), models: new Map() };
  let starting: Promise<void> | null = null;
  let stopping: Promise<void> | null = null;
  let executorUp = false;
  let executorChanged = false;
  /** Settings in the file that count from the next start on, by path. */
  let waiting: Adoption['waiting'] = {};
  const endListeners: Array<(error: Error | null) => void> = [];
  const ended = (error: Error | null): void => {
    for (const listener of endListeners) listener(error);
  };

  const journal = new Journal({
    store,
    clock,
    signer,
    verifier,
    log,
    snapshotEntries: config.store.snapshotEntries,
    onFatal: ended,
  });
  const runs = journal.register(runsProjection);
  const messenger = new Messenger({
    network,
    clock,
    log,
    limits: config.messaging,
    addressesOf: (peer) => directory.addressesOf(peer),
  });
  const directory = new Directory({
    journal,
    network,
    clock,
    random,
    signer,
    verifier,
    log,
    config: config.directory,
    agent: `infernet/${nodeVersion}`,
  });
  const payment = new Payment({
    journal,
    messenger,
    clock,
    signer,
    verifier,
    log,
    rules: config.provider,
    spending: config.spending,
  });
  const reputation = new Reputation({
    journal,
    messenger,
    network,
    history: store.history,
    signer,
    verifier,
    clock,
    random,
    log,
    config: config.reputation,
  });
  const checks = new Checks({ journal, clock, config: config.verification });
  const pauses = new Pauses({
    journal,
    clock,
    host: ports.host,
    config: config.host,
    log,
    onChange: () => {
      provider.pausesChanged();
      directory.loadChanged();
      if (state === 'online') void announce();
    },
  });
  const provider = new Provider({
    journal,
    messenger,
    payment,
    reputation,
    executor,
    store,
    clock,
    random,
    signer,
    verifier,
    log,
    config: config.provider,
    measure: config.execution.measure,
    pauses,
    onLoad: () => {
      const { running, queued } = provider.load;
      pauses.busy = running + queued > 0;
      directory.loadChanged();
    },
    onOffers: () => void announce(),
  });
  const aggregator = new Aggregator({
    journal,
    messenger,
    payment,
    reputation,
    directory,
    store,
    clock,
    random,
    signer,
    verifier,
    log,
    config: config.aggregator,
    checks,
    verification: config.verification,
    known: () => known,
    ownServes: (template, model) =>
      provider.on &&
      pauses.against(true) === null &&
      (provider.catalogue.served.get(template)?.models.includes(model) ?? false),
    onProgress: (shardId, replicaId, itemsDone) => {
      const replica = aggregator.replica(replicaId);
      if (replica !== null)
        stream.tell({
          kind: 'progress',
          jobId: replica.jobId,
          shardId,
          replicaId,
          provider: replica.provider,
          itemsDone,
        });
    },
    onShown: (item) => stream.tell(item),
  });
  const stream = new EventStream(journal, store, log, () => aggregator.shown());
  messenger.onHeard((peer) => directory.noteHeard(peer));

  const announce = (): Promise<void> =>
    directory.announce({
      hardware: provider.on && inventory !== null ? offeredOf(inventory.hardware, config) : null,
      offers: provider.takesWork ? provider.catalogue.offers : [],
      load: () => provider.load,
    });

  /** What the executor can run changed, as when a container engine comes or goes. */
  function takeInventory(): void {
    // Before that the rooms that hear of it have not begun, so it is only noted; after that nothing more is offered.
    executorChanged = state !== 'online';
    if (executorChanged || inventory === null) return;
    inventory = { ...inventory, templates: executor.installed?.() ?? inventory.templates };
    provider.configured(makeCatalogue(inventory, config.provider));
    void announce();
  }

  function configure(next: NodeConfig): Adoption {
    const adoption = adopt(config, next);
    const { changed } = adoption;
    waiting = adoption.waiting;
    if (changed.length > 0) {
      host?.configured(config);
      log.info({ changed: [...changed] }, 'settings changed');
    }
    if (changed.some((path) => path.startsWith('host.'))) void pauses.look();
    // What fits into the memory for jobs, and what an image is allowed for, is offered anew.
    if (inventory !== null && changed.some((path) => path.startsWith('execution.')))
      inventory = { ...inventory, templates: executor.installed?.() ?? inventory.templates };
    if (inventory !== null && changed.some((path) => path.startsWith('provider.') || path.startsWith('execution.'))) {
      provider.configured(makeCatalogue(inventory, config.provider));
      void announce();
    }
    return adoption;
  }

  async function start(): Promise<void> {
    if (starting !== null || stopping !== null) throw new Error('a node is started once');
    state = 'starting';
    startedAt = clock.now();
    starting = begin();
    try {
      await starting;
    } catch (error) {
      await stop({ drainMs: 0, reason: 'the start failed' });
      throw error;
    }
  }

  async function begin(): Promise<void> {
    /** A stop waits for the start: it is given up between two steps. */
    const orStop = (): void => {
      if (stopping !== null) throw new Error('the node was stopped while it started');
    };
    // The log first: a second process on the same folder is told at once, before anything heavy begins.
    await journal.open();
    orStop();
    const unclean = runs.state.running;
    // What happens from its first look on counts, and also while the rooms start.
    executor.onChange?.(takeInventory);
    const found = await executor.start();
    executorUp = true;
    inventory = found;
    known = knownOf(found);
    for (const fault of found.faults) log.warn({ fault }, 'something on this computer is wrong');
    orStop();
    await journal.commit([{ type: 'node.started', version: nodeVersion, peerId: signer.peerId, unclean }]);
    await pauses.start();
    await provider.start(makeCatalogue(found, config.provider));
    await sweepBlobs();
    orStop();
    await network.start({
      ...directory.hooks,
      onGossip: (topic, message, from) =>
        (reputation.listensTo(topic) ? reputation : directory).hooks.onGossip(topic, message, from),
      onPeer: (peer, connected) => {
        directory.hooks.onPeer(peer, connected);
        reputation.hooks.onPeer(peer, connected);
      },
      onChannel: (channel) => messenger.accept(channel),
    });
    orStop();
    await directory.start(interestsOf(known));
    reputation.start(known.templates.keys());
    payment.start();
    await aggregator.start();
    orStop();
    state = 'online';
    // The DHT may be slow or alone: nobody waits for it.
    if (executorChanged) takeInventory();
    else void announce();
    provider.calibrate();
    vitals.start();
    log.info({ peerId: signer.peerId, addresses: network.status().addresses }, 'the node is online');
  }

  /** Payloads that a kill left behind between the end of their work and their deletion. */
  async function sweepBlobs(): Promise<void> {
    const inUse = new Set([...provider.blobsInUse(), ...aggregator.blobsInUse()]);
    const left = (await store.blobHashes()).filter((hash) => !inUse.has(hash));
    if (left.length === 0) return;
    await store.deleteBlobs(left);
    log.info({ blobs: left.length }, 'payloads that nobody needs any more were deleted');
  }

  async function replay(): Promise<string> {
    await journal.open();
    return journal.stateText();
  }

  function stop(options: { drainMs?: number; reason?: string } = {}): Promise<void> {
    stopping ??= halt(options.drainMs ?? config.provider.drainMs, options.reason ?? 'stopped');
    return stopping;
  }

  async function halt(drainMs: number, reason: string): Promise<void> {
    // What was begun is ended in order; a start that goes on would bring up again what is closed here.
    await starting?.catch(() => undefined);
    const wasOnline = state === 'online';
    state = 'draining';
    const attempt = async (what: string, act: () => Promise<void> | void): Promise<void> => {
      try {
        await act();
      } catch (error) {
        log.warn(
          { what, error: error instanceof Error ? error.message : String(error) },
          'a part of the node did not stop in order',
        );
      }
    };
    if (wasOnline) {
      // Without a log nothing that runs can be committed.
      await attempt('drain', () => provider.drain(journal.failed ? 0 : drainMs));
      await attempt('leave', () => directory.leave());
    }
    vitals.stop();
    pauses.stop();
    aggregator.stop();
    provider.stop();
    payment.stop();
    reputation.stop();
    directory.stop();
    messenger.stop(reason);
    await attempt('network', () => network.stop());
    if (executorUp) await attempt('executor', () => executor.stop());
    if (wasOnline) await attempt('log', () => journal.commit([{ type: 'node.stopped', reason }]));
    await attempt('store', () => journal.close());
    state = 'stopped';
  }

  const api = makeApi(
    {
      config,
      ports,
      version: nodeVersion,
      journal,
      messenger,
      directory,
      payment,
      reputation,
      checks,
      provider,
      pauses,
      aggregator,
      vitals,
      engine: new EngineLook({
        host: ports.host,
        clock,
        templates: () => inventory?.templates.map(({ template }) => template) ?? [],
        watched: () => executor.engine?.() ?? null,
      }),
      inventory: () => {
        if (inventory === null) throw new Error('the node has not started');
        return inventory;
      },
      known: () => known,
      state: () => (state === 'online' && network.status().connectedPeers === 0 ? 'alone' : state),
      startedAt: () => startedAt,
      stop: (drainMs) => {
        void stop({ ...(drainMs === undefined ? {} : { drainMs }), reason: 'stopped by its owner' }).then(() =>
          ended(null),
        );
      },
      announce,
      waiting: () => waiting,
      saveSettings: async (change) => {
        if (host === null)
          throw new ApiError('not-allowed', 'this node was started without a configuration file that it may change');
        const { config: next, file } = await host.saveSettings(change);
        return { ...configure(next), file };
      },
      recoveryPhrase: async () => {
        if (host === null) throw new ApiError('not-allowed', 'the key of this node cannot be read from here');
        return host.recoveryPhrase();
      },
    },
    stream,
  );

  return {
    api,
    start,
    stop,
    stateText: () => journal.stateText(),
    replay,
    configure,
    onEnd: (listener) => endListeners.push(listener),
  };
}

function knownOf(inventory: ExecutorInventory): Known {
  const templates = new Map<Cid, KnownTemplate>();
  for (const { template, models } of inventory.templates) {
    templates.set(template.id, {
      template,
      models,
      checkParams: compileSchema(template.params),
      checkInput: compileSchema(template.input),
      checkOutput: compileSchema(template.output),
    });
  }
  return { templates, models: new Map(inventory.models.map((model) => [model.cid, model])) };
}

/** Whose presence this node wants to hear of: the providers of everything that it could submit. */
function interestsOf({ templates }: Known): Capability[] {
  return [...templates.values()].flatMap(({ template, models }): Capability[] =>
    template.needsModel
      ? models.map((model) => ({ kind: 'template-model', template: template.id, model }))
      : [{ kind: 'template', template: template.id }],
  );
}
