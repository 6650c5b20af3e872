/** What the owner grants one client: the limits for all, or what `clientLimits` says of it. */
import type { NodeConfig } from '../config/schema.ts';
import type { PeerId } from '../protocol/index.ts';

export interface ClientLimits {
  /** Shards waiting or running. */
  readonly inFlightMax: number;
  /** Shards taken within an hour; null = as many as fit. */
  readonly shardsPerHourMax: number | null;
  readonly itemsPerShardMax: number;
}

export function limitsFor(client: PeerId, config: NodeConfig['provider']): ClientLimits {
  const own = Object.hasOwn(config.clientLimits, client) ? config.clientLimits[client] : undefined;
  return {
    inFlightMax: own?.inFlightMax ?? config.inFlightPerClientMax,
    shardsPerHourMax: own?.shardsPerHourMax ?? config.shardsPerHourPerClientMax,
    itemsPerShardMax: own?.itemsPerShardMax ?? config.itemsPerShardMax,
  };
}

/** Why the owner does not want this client at all; null when it is served. */
export function unwanted(client: PeerId, config: NodeConfig['provider']): string | null {
  if (config.blockedClients.includes(client)) return 'the owner does not serve this client';
  if (config.allowedClients !== null && !config.allowedClients.includes(client))
    return 'the owner serves only the clients that are on a list, and this one is not';
  return null;
}
