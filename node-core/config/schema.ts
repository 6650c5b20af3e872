/**
 * The configuration of a node: every setting with its unit, default and bounds. A file of it is YAML or JSON
 * (`config/load.ts`); `settings.get` shows it; the interface's settings page is made of it.
 */
import { Micro, PeerId, Price, pinnedImage, z } from '../protocol/index.ts';

const ms = (fallback: number, description: string, min = 1) =>
  z.int().min(min).default(fallback).describe(`${description}, ms`);
const count = (fallback: number, description: string, min = 1) =>
  z.int().min(min).default(fallback).describe(description);

const countOrNone = (description: string) => z.int().min(1).nullable().default(null).describe(description);

const defaultPrice = { shardMicro: '1000', itemMicro: '100' };

export const NodeConfig = z.strictObject({
  dataFolder: z.string().min(1).describe('where key, log and blobs lie; one process at a time'),

  network: z
    .strictObject({
      listen: z
        .array(z.string())
        .min(1)
        .default(['/ip4/0.0.0.0/tcp/0/ws', '/ip4/0.0.0.0/tcp/0'])
        .describe('multiaddrs to listen on; /ws is the WebSocket transport'),
      announce: z
        .array(z.string())
        .default([])
        .describe('multiaddrs to tell others instead of those listened on; only what was verified'),
      bootstrap: z.array(z.string()).default([]).describe('multiaddrs with /p2p/<peer id> through which to join'),
      mdns: z.boolean().default(false).describe('find peers on the local network'),
      allowPrivateAddresses: z
        .boolean()
        .default(true)
        .describe('keep private addresses in the DHT: for networks at home, in an office, on one computer'),
      dhtServer: z.boolean().default(true).describe('serve the DHT; false behind a NAT without a forwarded port'),
      inboundConnectionsPerSecondMax: count(50, 'new connections accepted per second and remote host'),
      connectionsMax: count(300, 'open connections'),
    })
    .prefault({}),

  provider: z
    .strictObject({
      enabled: z.boolean().default(false).describe('run jobs of others'),
      templates: z
        .array(z.string())
        .nullable()
        .default(null)
        .describe('names of the templates to serve; null = all that run here'),
      models: z
        .array(z.string())
        .nullable()
        .default(null)
        .describe('names of the models to serve; null = all that are here'),
      prices: z.record(z.string(), Price).default({}).describe('price by template name; others cost `defaultPrice`'),
      defaultPrice: Price.default(defaultPrice).describe(
        'price of a shard: a fixed part and a part per item, micro-credits',
      ),
      runsMax: count(1, 'shards that run at once'),
      queueMax: count(64, 'shards that wait, over all clients'),
      storageBytesMax: count(
        256 * 1024 * 1024,
        'disk for inputs and results of work for others until it is settled, bytes; no more work is taken when it could become more',
        4 * 1024 * 1024,
      ),
      queueAgeMs: ms(10_000, 'a shard in the queue counts one priority higher each time it has waited for this long'),
      inFlightPerClientMax: count(8, 'shards of one client, waiting or running'),
      creditLimitMicro: Micro.default('16000').describe(
        'unpaid work granted to a client to begin with, micro-credits, and never less than one shard; by default 8 shards of 10 items at the default price',
      ),
      creditLimitMaxMicro: Micro.default('160000').describe(
        'unpaid work granted to any client at most, micro-credits, however much it has earned',
      ),
      creditEarnedPercent: z
        .int()
        .min(0)
        .max(100)
        .default(10)
        .describe('of the work that a client and this node did for each other, so much is granted besides, %'),
      strangersPerHourMicro: Micro.default('160000').describe(
        'unpaid work of one hour for all clients together, as far as they have not settled as much before, micro-credits: what many new identities can cost at most',
      ),
      quoteTtlMs: ms(600_000, 'how long a quote holds'),
      itemsPerShardMax: z.int().min(1).max(1000).default(200).describe('largest shard taken, items'),
      shardsPerHourPerClientMax: countOrNone('shards of one client taken within an hour; null = as many as fit'),
      allowedClients: z
        .array(PeerId)
        .nullable()
        .default(null)
        .describe('peer ids of the only clients that are served; null = all that are not blocked'),
      blockedClients: z.array(PeerId).default([]).describe('peer ids of clients that are not served'),
      clientLimits: z
        .record(
          PeerId,
          z.strictObject({
            inFlightMax: z.int().min(1).optional().describe('instead of inFlightPerClientMax'),
            shardsPerHourMax: z.int().min(1).optional().describe('instead of shardsPerHourPerClientMax'),
            itemsPerShardMax: z.int().min(1).max(1000).optional().describe('instead of itemsPerShardMax'),
          }),
        )
        .default({})
        .describe('other limits for single clients, by peer id'),
      drainMs: ms(20_000, 'how long running work may take to finish when the node stops', 0),
    })
    .prefault({}),

  execution: z
    .strictObject({
      runIn: z
        .enum(['auto', 'docker', 'embedded'])
        .default('auto')
        .describe(
          'where templates run: docker = in containers only; embedded = as processes of this computer only; auto = in a container where an engine and an image of the template are there, else as a process',
        ),
      containerPidsMax: count(128, 'processes and threads in one container'),
      containerOpenFilesMax: count(1024, 'open files of one process in a container', 16),
      containerScratchBytes: count(
        64 * 2 ** 20,
        'what a container may write, bytes; it lies in memory, in addition to the template’s own',
        2 ** 20,
      ),
      containerGpu: z
        .enum(['off', 'auto'])
        .default('off')
        .describe(
          'graphics card for containers of templates that ask for one, unverified on hardware: auto = NVIDIA’s card with the most memory, where driver and container toolkit are found and the toolkit is no version with a known way out',
        ),
      containerAnswerMs: ms(30_000, 'time for one call to the container engine'),
      customImages: z
        .enum(['off', 'listed', 'any'])
        .default('off')
        .describe(
          'images that jobs may name (template custom-image), always in containers: off = none; listed = those of customImagesListed; any = all that are on this computer. None is fetched for a job',
        ),
      customImagesListed: z
        .array(z.string().max(512).regex(pinnedImage, 'expected name@sha256:… or sha256:…'))
        .max(256)
        .default([])
        .describe('images that jobs may name, by digest (name@sha256:…) or id (sha256:…)'),
      builtImagesFile: z
        .string()
        .nullable()
        .default(null)
        .describe(
          'file that lists the container images of templates that were built here; no other image is taken for a template’s. Nodes that share it share their images; null = images.json in the data folder',
        ),
      templateFolders: z
        .array(z.string())
        .default([])
        .describe('further folders with templates; the shipped ones are always there'),
      modelFolders: z.array(z.string()).default([]).describe('further folders with GGUF models'),
      cpuPercentMax: z
        .int()
        .min(1)
        .max(100)
        .default(75)
        .describe(
          'of the cores, so much for all jobs together, %: a container is held to its part; an embedded runner gets no more threads than that',
        ),
      memoryPercentMax: z
        .int()
        .min(1)
        .max(100)
        .default(50)
        .describe('of the memory, so much for all runners together, %: a model that needs more is not offered'),
      niceness: z
        .int()
        .min(0)
        .max(19)
        .default(5)
        .describe('how far embedded runners step back behind other programs when the processor is busy; 19 = furthest'),
      threads: count(1, 'threads of one model; more than the free cores make it slower, not faster'),
      gpu: z
        .enum(['off', 'metal', 'cuda', 'vulkan'])
        .default('off')
        .describe(
          'graphics card for embedded runners, unverified on hardware: metal on a Mac; cuda and vulkan after `infernet-desktop gpu install`. Where it cannot be used the processor is',
        ),
      contextTokens: count(512, 'context window, tokens', 64),
      warmModelsMax: count(
        2,
        'runners kept in memory at once, each with its model; the least recently used makes room',
      ),
      warmBytesMax: z
        .int()
        .min(0)
        .nullable()
        .default(null)
        .describe(
          'memory for the runners that are kept, bytes; null = all that memoryPercentMax leaves to jobs. One alone may take more, up to that',
        ),
      warmMs: ms(300_000, 'how long a runner is kept that has nothing to do'),
      nodeBinary: z
        .string()
        .nullable()
        .default(null)
        .describe('program that runs the runners; null = this process’s own'),
      measure: z.boolean().default(true).describe('measure tokens per second at first start'),
    })
    .prefault({}),

  aggregator: z
    .strictObject({
      jobsActiveMax: count(32, 'jobs at once'),
      inFlightPerProviderMax: count(
        2,
        'shards of one job at a provider that runs one at a time: that one and the next; a provider that runs several gets so many more',
      ),
      attemptsPerShardMax: count(6, 'replicas of one shard, all in all'),
      leaseMs: ms(10_000, 'without a renewal for this long a provider may stop'),
      leaseRenewMs: ms(1_000, 'how often leases are renewed'),
      suspectMs: ms(3_000, 'silence on the lease channel after which work is hedged'),
      graceMs: ms(60_000, 'how long a committed result is kept beyond the lease'),
      replicaMs: ms(120_000, 'time for one attempt'),
      revealMs: ms(10_000, 'time for a reveal'),
      quoteMs: ms(3_000, 'time for a quote'),
      stragglerFactorPercent: count(300, 'a replica slower than this share of the job’s median is hedged, %', 101),
      stragglerMs: ms(5_000, 'no replica is called a straggler before'),
      discoverMs: ms(4_000, 'how long a job looks for providers before the own node may take it', 0),
      auditWaitMs: ms(
        20_000,
        'how long an answer that was drawn to be checked waits while nobody is there who could check it; then it stands unchecked, and says so',
        0,
      ),
      candidatesMax: count(64, 'providers considered for one job'),
      blockedProviders: z
        .array(PeerId)
        .max(256)
        .default([])
        .describe('peer ids of providers that get nothing of this node’s jobs'),
      favouredProviders: z
        .array(PeerId)
        .max(256)
        .default([])
        .describe('peer ids of providers that are chosen before others: the scores of the others count a quarter'),
      streamedItemsMax: count(1_000, 'items of a job whose answers are shown as they come: they are kept in memory'),
      resultsKeepMs: ms(
        30 * 24 * 3_600_000,
        'how long results of finished jobs are kept on this computer, and with them their inputs: to be exported, cloned and repeated',
      ),
    })
    .prefault({}),

  spending: z
    .strictObject({
      dayMicroMax: Micro.nullable()
        .default(null)
        .describe(
          'most that this node spends in a day (UTC), micro-credits, what is set aside included; null = no cap',
        ),
      peerDayMicroMax: Micro.nullable()
        .default(null)
        .describe('most that it spends at one peer in a day, micro-credits; null = no cap'),
    })
    .prefault({})
    .describe('caps beside the budget of each job'),

  directory: z
    .strictObject({
      recordTtlMs: ms(3_600_000, 'how long a node record holds'),
      recordRefreshMs: ms(600_000, 'how often it is published anew'),
      heartbeatMs: ms(10_000, 'presence heartbeat; jittered by a fifth'),
      goneMs: ms(25_000, 'silence after which a peer counts as gone'),
      discoverEveryMs: ms(
        15_000,
        'how often capability keys are looked up; up to eight times as seldom while nobody comes, changes or goes',
      ),
      lookupMs: ms(5_000, 'time for one look-up in the DHT'),
      peersMax: count(10_000, 'peers kept in mind'),
      knownGoodMax: count(64, 'peers remembered over a restart'),
    })
    .prefault({}),

  verification: z
    .strictObject({
      badProbabilityPpm: count(
        1000,
        'a copy is bad when honest disagreement would explain its differences with less than this probability, per million',
      ),
      falseAlarmPpm: count(
        10,
        'bound of the probability, per check, that disagreement gathered of an honest provider is called too much, per million',
      ),
      exclusionMs: ms(30 * 24 * 3_600_000, 'how long who was caught gets no paid work from this node'),
      canaryPpm: z
        .int()
        .min(0)
        .max(500_000)
        .default(50_000)
        .describe(
          'shards of a million, of jobs whose answers are checked singly, that get one item more whose answer is known from an own former job; 0 = none, and none are kept',
        ),
      trapPpm: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(50_000)
        .describe(
          'checks of tokens, of a million, in which one wrong token is planted, for who has seen many; newcomers get more; 0 = none',
        ),
      canariesMax: count(256, 'items with known answers that are kept'),
      canaryBytesMax: count(2_048, 'largest of them, input and output together, bytes'),
      reAuditMax: count(1_000, 'unchecked answers that are looked at again after a bad check; 0 = none', 0),
    })
    .prefault({}),

  reputation: z
    .strictObject({
      gossip: z
        .boolean()
        .default(true)
        .describe('tell others of finished work, and hear of theirs; receipts reveal who worked for whom'),
      batchMs: ms(5_000, 'how long own receipts are gathered before they are gossiped'),
      meetMs: ms(60_000, 'how often one of the connected peers is asked for receipts that are missing here'),
      receiptsMax: count(2_000, 'receipts of others kept in mind; strangers’ fill half of it at most', 2),
      receiptsPerSignerMax: count(100, 'of these, receipts that one client signed'),
      receiptsPerProviderMax: count(200, 'of these, receipts about one provider'),
      bytesPerDayMax: count(8 * 1024 * 1024, 'what the log takes of others’ receipts a day, bytes; of strangers’ half'),
      bytesPerSignerPerDayMax: count(256 * 1024, 'what it takes a day of one client’s, bytes'),
    })
    .prefault({}),

  messaging: z
    .strictObject({
      requestMs: ms(10_000, 'time for the answer to a request'),
      connectMs: ms(5_000, 'time to open a channel'),
      channelsMax: count(256, 'open job channels'),
      messagesPerSecondMax: count(2000, 'messages accepted from one peer per second'),
      sendQueueBytesMax: count(8 * 1024 * 1024, 'bytes that wait for a slow peer before its channel is closed'),
    })
    .prefault({}),

  host: z
    .strictObject({
      diskFreeBytesMin: z
        .int()
        .min(0)
        .default(512 * 1024 * 1024)
        .describe('with less space left on the disk of the data folder no work is taken, bytes'),
      pauseOnBattery: z
        .boolean()
        .default(true)
        .describe('take no work of others while the computer runs on its battery, and hold what runs'),
      pauseOnFullScreen: z
        .boolean()
        .default(true)
        .describe('the same while a program fills the screen, where the host tells of it'),
      checkMs: ms(15_000, 'how often the computer is looked at: its disk, its power'),
      checkBusyMs: ms(500, 'the same while there is work, so that it stands still soon after something forbids it'),
    })
    .prefault({})
    .describe('when this computer is not to work for others'),

  store: z
    .strictObject({
      snapshotEntries: count(5_000, 'log entries between snapshots'),
    })
    .prefault({}),

  control: z
    .strictObject({
      listen: z
        .string()
        .default('127.0.0.1:0')
        .describe(
          'loopback address of the control API, host:port; port 0 = any; written to control.json in the data folder',
        ),
      allowedOrigins: z.array(z.string()).default([]).describe('web origins that may connect; none by default'),
      streamBufferMax: count(10_000, 'events that wait for a slow subscriber before it is disconnected'),
    })
    .prefault({}),

  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error'])
        .default('info')
        .describe('what is written to the log of the program: this and what weighs more'),
    })
    .prefault({}),
});
export type NodeConfig = z.infer<typeof NodeConfig>;
/** As it is written: what has a default may be left out. */
export type NodeConfigInput = z.input<typeof NodeConfig>;
