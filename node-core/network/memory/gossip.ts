/**
 * Gossip in memory. A message goes first to the publisher's neighbours; only when one of them accepts it does it spread
 * to all subscribers that connections lead to. So what every honest node rejects never leaves the neighbourhood.
 *
 * All subscribers reached in the same millisecond share one timer: a heartbeat to 1,000 nodes costs about as many
 * timers as there are different delays.
 */
import type { Member } from './member.ts';
import type { World } from './world.ts';

/** Neighbours that get a message first: gossipsub's mesh degree. */
const meshDegree = 8;

export function subscribe(world: World, member: Member, topic: string): void {
  member.topics.add(topic);
  const subscribers = world.subscribers.get(topic) ?? new Set<Member>();
  world.subscribers.set(topic, subscribers.add(member));
}

export function unsubscribe(world: World, member: Member, topic: string): void {
  member.topics.delete(topic);
  const subscribers = world.subscribers.get(topic);
  subscribers?.delete(member);
  if (subscribers?.size === 0) world.subscribers.delete(topic);
}

export function publish(world: World, member: Member, topic: string, message: Uint8Array): void {
  const first = new Set<Member>();
  const subscribers = world.subscribers.get(topic) ?? [];
  for (const to of subscribers) {
    if (first.size === meshDegree) break;
    if (member.connections.has(to) && world.joined(member, to)) first.add(to);
  }
  // No subscriber among the neighbours: the message goes through nodes between them.
  for (const to of subscribers) {
    if (first.size > 0) break;
    if (to !== member && world.joined(member, to)) first.add(to);
  }
  let isSpread = false;
  send(world, member, topic, message, first, () => {
    if (isSpread) return;
    isSpread = true;
    const rest = new Set<Member>();
    for (const to of world.subscribers.get(topic) ?? []) {
      if (to !== member && !first.has(to) && world.joined(member, to)) rest.add(to);
    }
    send(world, member, topic, message, rest, () => {});
  });
}

function send(
  world: World,
  from: Member,
  topic: string,
  message: Uint8Array,
  recipients: ReadonlySet<Member>,
  accepted: () => void,
): void {
  const { gossip, lateMs } = world.link;
  const arrivals = new Map<number, Member[]>();
  const arrive = (to: Member, ms: number) => {
    const at = Math.ceil(ms);
    const together = arrivals.get(at);
    if (together === undefined) arrivals.set(at, [to]);
    else together.push(to);
  };
  for (const to of recipients) {
    if (world.chance(gossip.loss)) continue;
    const ms = world.delay(from, to);
    arrive(to, world.chance(gossip.reorder) ? ms + lateMs * world.random.fraction() : ms);
    if (world.chance(gossip.duplicate)) arrive(to, ms + lateMs * world.random.fraction());
  }
  for (const [ms, members] of arrivals) {
    world.clock.after(ms, () => {
      let isAccepted = false;
      for (const to of members) {
        if (!to.isUp || !to.topics.has(topic) || !world.passes(from, to)) continue;
        if (to.hooks?.onGossip(topic, message, from.peerId) === 'accept') isAccepted = true;
      }
      if (isAccepted) accepted();
    });
  }
}
