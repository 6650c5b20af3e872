/**
 * Gossip by gossipsub 1.2 (https://github.com/libp2p/specs/tree/master/pubsub/gossipsub).
 *
 * Peers are scored by one thing: what they forwarded and we rejected. Topics come and go here, and gossipsub's own
 * scores per topic have to be set up beforehand and punish peers of small, quiet networks for delivering little; so all
 * of those are off, and the count of rejected messages goes in as the application's score.
 */
import { type GossipSub, type GossipSubComponents, gossipsub, TopicValidatorResult } from '@libp2p/gossipsub';
import type { NetworkHooks } from '../../ports/index.ts';
import { protocolLimits } from '../../protocol/index.ts';
import { assertGossipSize } from '../gossip-size.ts';

/** Points per rejected message; see the thresholds below. */
const rejectPoints = 4;
/** Time after which half of a peer's points are forgiven. */
const forgiveMs = 60_000;
/** Peers whose points are kept; the one that was quiet longest goes first. */
const standingsMax = 1_000;

/** What peers did wrong lately. */
export class Standings {
  readonly #points = new Map<string, { points: number; at: number }>();

  rejected(peer: string): void {
    const points = rejectPoints - this.scoreOf(peer);
    this.#points.delete(peer);
    this.#points.set(peer, { points, at: Date.now() });
    for (const oldest of this.#points.keys()) {
      if (this.#points.size <= standingsMax) break;
      this.#points.delete(oldest);
    }
  }

  /** 0 or below. */
  scoreOf(peer: string): number {
    const standing = this.#points.get(peer);
    if (standing === undefined) return 0;
    return -standing.points * 0.5 ** ((Date.now() - standing.at) / forgiveMs);
  }
}

export function gossipService(standings: Standings): (components: GossipSubComponents) => GossipSub {
  return gossipsub({
    // A node without peers publishes its heartbeats too.
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    maxInboundDataLength: protocolLimits.gossipBytesMax,
    runOnLimitedConnection: true,
    scoreParams: {
      topics: {},
      appSpecificScore: (peer) => standings.scoreOf(peer),
      appSpecificWeight: 1,
      // Many nodes behind one address are an office or a test, not an attack.
      IPColocationFactorWeight: 0,
      // Broken promises: a busy computer breaks some.
      behaviourPenaltyWeight: -1,
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.9,
      decayInterval: 10_000,
    },
    // In rejected messages within a minute: 3, 13 and 25.
    scoreThresholds: {
      gossipThreshold: -10,
      publishThreshold: -50,
      graylistThreshold: -100,
      acceptPXThreshold: 10,
      opportunisticGraftThreshold: 0,
    },
  });
}

export class Gossip {
  readonly #service: GossipSub;
  readonly #hooks: NetworkHooks;
  readonly #standings: Standings;

  constructor(service: GossipSub, hooks: NetworkHooks, standings: Standings) {
    this.#service = service;
    this.#hooks = hooks;
    this.#standings = standings;
  }

  subscribe(topic: string): void {
    this.#service.topicValidators.set(topic, (sender, message) => {
      // Unsigned messages do not get here (StrictSign); the type does not know.
      if (message.type !== 'signed') return TopicValidatorResult.Reject;
      const verdict = this.#hooks.onGossip(topic, message.data, message.from.toString());
      if (verdict === 'accept') return TopicValidatorResult.Accept;
      if (verdict === 'ignore') return TopicValidatorResult.Ignore;
      this.#standings.rejected(sender.toString());
      return TopicValidatorResult.Reject;
    });
    this.#service.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#service.topicValidators.delete(topic);
    this.#service.unsubscribe(topic);
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    assertGossipSize(message);
    await this.#service.publish(topic, message);
  }
}
