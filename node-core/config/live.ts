/**
 * Which settings take effect while the node runs. The rooms read them from the configuration object that they were given,
 * each time that they need them; {@link adopt} changes that object in place. Everything else was built in at the start (a
 * socket, a timer, a copy in a room) and takes effect at the next one.
 */
import type { NodeConfig } from './schema.ts';

const live = new Set([
  'aggregator.attemptsPerShardMax',
  'aggregator.blockedProviders',
  'aggregator.candidatesMax',
  'aggregator.favouredProviders',
  'aggregator.inFlightPerProviderMax',
  'aggregator.jobsActiveMax',
  'aggregator.quoteMs',
  'aggregator.replicaMs',
  'aggregator.resultsKeepMs',
  'execution.cpuPercentMax',
  'execution.niceness',
  'execution.warmBytesMax',
  'execution.warmModelsMax',
  'execution.warmMs',
  'host.checkBusyMs',
  'host.checkMs',
  'host.diskFreeBytesMin',
  'host.pauseOnBattery',
  'host.pauseOnFullScreen',
  'log.level',
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
  'spending.dayMicroMax',
  'spending.peerDayMicroMax',
]);

/** Paths of settings that take effect at once. */
export const liveSettings: readonly string[] = [...live];

export interface Adoption {
  /** Settings that have another value from now on, as `provider.queueMax`. */
  readonly changed: readonly string[];
  /** Settings whose value in `next` is another than the one in force, which stays until the next start. */
  readonly restart: readonly string[];
}

/** @param config is changed in place. */
export function adopt(config: NodeConfig, next: NodeConfig): Adoption {
  const changed: string[] = [];
  const restart: string[] = [];
  for (const { path, section, key } of settingsOf(config)) {
    const [target, source] = section === null ? [config, next] : [sectionOf(config, section), sectionOf(next, section)];
    const value: unknown = Reflect.get(source, key);
    if (JSON.stringify(Reflect.get(target, key)) === JSON.stringify(value)) continue;
    if (!live.has(path)) {
      restart.push(path);
      continue;
    }
    changed.push(path);
    Reflect.set(target, key, structuredClone(value));
  }
  return { changed, restart };
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
