/**
 * Which settings take effect while the node runs. The rooms read them from the configuration object that they were given,
 * each time that they need them; {@link adopt} changes that object in place. All others take effect at the next start:
 *
 * - they were built into something that is only made then: sockets and the limits of libp2p (`network`, `control`), folders,
 *   programs and containers (`execution`), the database (`store`);
 * - the state of a room is a function of the log and of them, so that a change would make a replay give another state
 *   (`directory.peersMax`, `directory.knownGoodMax`, `reputation.receipts…Max`);
 * - what is under way counts on the value that it began with: a provider keeps what it was told of leases and grace, and a
 *   price stays reserved as long as that (`aggregator.lease…`, `graceMs`, `suspectMs`); peers count on the last heartbeat's rhythm
 *   (`directory.…Ms`).
 */
import type { NodeConfig } from './schema.ts';

const live = new Set([
  'aggregator.attemptsPerShardMax',
  'aggregator.auditWaitMs',
  'aggregator.blockedProviders',
  'aggregator.candidatesMax',
  'aggregator.discoverMs',
  'aggregator.favouredProviders',
  'aggregator.inFlightPerProviderMax',
  'aggregator.jobsActiveMax',
  'aggregator.quoteMs',
  'aggregator.replicaMs',
  'aggregator.resultsKeepMs',
  'aggregator.revealMs',
  'aggregator.stragglerFactorPercent',
  'aggregator.stragglerMs',
  'aggregator.streamedItemsMax',
  'execution.cpuPercentMax',
  'execution.customImages',
  'execution.customImagesListed',
  'execution.memoryPercentMax',
  'execution.niceness',
  'execution.threads',
  'execution.warmBytesMax',
  'execution.warmModelsMax',
  'execution.warmMs',
  'host.checkBusyMs',
  'host.checkMs',
  'host.diskFreeBytesMin',
  'host.pauseOnBattery',
  'host.pauseOnFullScreen',
  'log.level',
  'messaging.channelsMax',
  'messaging.connectMs',
  'messaging.messagesPerSecondMax',
  'messaging.requestMs',
  'messaging.sendQueueBytesMax',
  'provider.allowedClients',
  'provider.blockedClients',
  'provider.clientLimits',
  'provider.creditEarnedPercent',
  'provider.creditLimitMaxMicro',
  'provider.creditLimitMicro',
  'provider.defaultPrice',
  'provider.drainMs',
  'provider.enabled',
  'provider.inFlightPerClientMax',
  'provider.itemsPerShardMax',
  'provider.models',
  'provider.prices',
  'provider.queueAgeMs',
  'provider.queueMax',
  'provider.quoteTtlMs',
  'provider.runsMax',
  'provider.shardsPerHourPerClientMax',
  'provider.storageBytesMax',
  'provider.strangersPerHourMicro',
  'provider.templates',
  'reputation.batchMs',
  'reputation.bytesPerDayMax',
  'reputation.bytesPerSignerPerDayMax',
  'reputation.meetMs',
  'spending.dayMicroMax',
  'spending.peerDayMicroMax',
  'verification.badProbabilityPpm',
  'verification.canariesMax',
  'verification.canaryBytesMax',
  'verification.canaryPpm',
  'verification.exclusionMs',
  'verification.falseAlarmPpm',
  'verification.reAuditMax',
  'verification.trapPpm',
]);

/** Paths of settings that take effect at once. */
export const liveSettings: readonly string[] = [...live];

export interface Adoption {
  /** Settings that have another value from now on, as `provider.queueMax`. */
  readonly changed: readonly string[];
  /** Settings whose value in `next` is another than the one in force, which stays until the next start. */
  readonly restart: readonly string[];
  /** Their values in `next`. */
  readonly waiting: Readonly<Record<string, unknown>>;
}

/** @param config is changed in place. */
export function adopt(config: NodeConfig, next: NodeConfig): Adoption {
  const changed: string[] = [];
  const waiting: Record<string, unknown> = {};
  for (const { path, section, key } of settingsOf(config)) {
    const [target, source] = section === null ? [config, next] : [sectionOf(config, section), sectionOf(next, section)];
    const value: unknown = Reflect.get(source, key);
    if (JSON.stringify(Reflect.get(target, key)) === JSON.stringify(value)) continue;
    if (!live.has(path)) {
      waiting[path] = value;
      continue;
    }
    changed.push(path);
    Reflect.set(target, key, structuredClone(value));
  }
  return { changed, restart: Object.keys(waiting), waiting };
}

/** For people who have to know before they set it. */
export function isLive(path: string): boolean {
  return live.has(path);
}

/** Names in {@link live} that are no settings; for the test. */
export function strayLiveSettings(config: NodeConfig): string[] {
  const known = new Set(settingsOf(config).map(({ path }) => path));
  return [...live].filter((path) => !known.has(path));
}

interface Setting {
  readonly path: string;
  /** Null at the top. */
  readonly section: string | null;
  readonly key: string;
}

/** Settings lie at the top or in a section; what is below one is its value. */
function settingsOf(config: NodeConfig): Setting[] {
  return Object.entries(config).flatMap(([name, value]): Setting[] =>
    typeof value === 'object'
      ? Object.keys(value).map((key) => ({ path: `${name}.${key}`, section: name, key }))
      : [{ path: name, section: null, key: name }],
  );
}

function sectionOf(config: NodeConfig, name: string): object {
  const section: unknown = Reflect.get(config, name);
  if (typeof section !== 'object' || section === null) throw new TypeError(`no section ${name}`);
  return section;
}
