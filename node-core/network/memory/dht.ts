/**
 * The DHT in memory. As in kad-dht, a record or provider key is kept by the peers whose ids are closest to it, each of
 * which judges it by its own hooks; a lookup sees only peers that can be reached, and dead providers are still returned.
 */
import type { FoundPeer } from '../../ports/index.ts';
import type { Cid, PeerId } from '../../protocol/index.ts';
import type { Member } from './member.ts';
import type { World } from './world.ts';

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

export function putRecord(
  world: World,
  member: Member,
  key: string,
  value: Uint8Array,
  deadlineMs: number,
): Promise<void> {
  try {
    member.hooks?.validateRecord(key, value);
  } catch (error) {
    return Promise.reject(error);
  }
  const targets = world.closest(member, world.positionOf(key), world.link.replication);
  if (targets.length === 0) return Promise.reject(new Error(`nobody to store ${key}: this node reaches no other peer`));
  return world.wait<void>(
    member,
    deadlineMs,
    (resolve, reject) => {
      store(member, key, value);
      let waiting = targets.length;
      for (const target of targets) {
        request(world, member, target, () => {
          target.hooks?.validateRecord(key, value);
          store(target, key, value);
        })
          .then(() => resolve())
          .catch((error: unknown) => {
            waiting--;
            if (waiting === 0) reject(new Error(`no peer stored ${key}: ${messageOf(error)}`));
          });
      }
    },
    (_resolve, reject) => reject(new Error(`no peer stored ${key} within ${deadlineMs} ms`)),
  );
}

export function getRecord(world: World, member: Member, key: string, deadlineMs: number): Promise<Uint8Array | null> {
  const values: Uint8Array[] = [];
  const judged = new Set<Uint8Array>();
  const consider = (value: Uint8Array) => {
    // Most peers hold the very same bytes; judging them once more would change nothing.
    if (judged.has(value)) return;
    judged.add(value);
    try {
      member.hooks?.validateRecord(key, value);
      values.push(value);
    } catch {
      // An invalid answer counts as none.
    }
  };
  const best = () => {
    const first = values[0];
    if (first === undefined || values.length === 1) return first ?? null;
    return values[member.hooks?.selectRecord(key, values) ?? 0] ?? null;
  };
  const own = member.records.get(key);
  if (own !== undefined) consider(own.value);
  return world.wait<Uint8Array | null>(
    member,
    deadlineMs,
    (resolve) => {
      const targets = world.closest(member, world.positionOf(key), world.link.replication);
      let waiting = targets.length;
      if (waiting === 0) resolve(best());
      for (const target of targets) {
        answer(
          world,
          member,
          target,
          () => {
            const stored = target.records.get(key);
            return world.chance(world.link.staleAnswer) ? (stored?.before ?? stored?.value) : stored?.value;
          },
          (value) => {
            if (value !== undefined) consider(value);
          },
          () => {
            waiting--;
            if (waiting === 0) resolve(best());
          },
        );
      }
    },
    (resolve) => resolve(best()),
  );
}

/** Announces now, if there is anybody to tell, and again as the link says while the key is provided. */
export async function provide(world: World, member: Member, key: Cid, deadlineMs: number): Promise<void> {
  member.provided.add(key);
  reprovide(world, member);
  await announce(world, member, key, deadlineMs);
}

/** Resolves when the first peer keeps the key, or when nobody can. */
function announce(world: World, member: Member, key: Cid, deadlineMs: number): Promise<void> {
  const keep = (target: Member) => {
    const providers = target.providers.get(key) ?? new Map<PeerId, number>();
    target.providers.set(key, providers.set(member.peerId, world.clock.elapsed() + world.link.providerMs));
  };
  keep(member);
  return world.wait<void>(
    member,
    deadlineMs,
    (resolve) => {
      const targets = world.closest(member, world.positionOf(key), world.link.replication);
      if (targets.length === 0) resolve();
      for (const target of targets) {
        request(world, member, target, () => keep(target)).then(
          () => resolve(),
          () => {},
        );
      }
    },
    (resolve) => resolve(),
  );
}

/** Announces all of a member's keys: after it came out of being alone, and from time to time. */
export function announceAll(world: World, member: Member): void {
  for (const key of member.provided) void announce(world, member, key, world.link.reprovideMs);
}

function reprovide(world: World, member: Member): void {
  if (member.isReproviding || member.provided.size === 0) return;
  member.isReproviding = true;
  world.after(member, world.link.reprovideMs, () => {
    member.isReproviding = false;
    announceAll(world, member);
    reprovide(world, member);
  });
}

export function unprovide(member: Member, key: Cid): void {
  member.provided.delete(key);
  // kad-dht cannot take back what others keep: it expires there.
  member.providers.get(key)?.delete(member.peerId);
}

export async function* findProviders(
  world: World,
  member: Member,
  key: Cid,
  limit: number,
  deadlineMs: number,
): AsyncGenerator<FoundPeer> {
  const seen = new Set<PeerId>([member.peerId]);
  const found: FoundPeer[] = [];
  let wake = () => {};
  let over = false;
  const end = () => {
    over = true;
    wake();
  };
  const add = (peers: readonly PeerId[]) => {
    for (const peer of peers) {
      if (seen.has(peer) || seen.size > limit) continue;
      seen.add(peer);
      member.known.add(peer);
      // Addresses come from the peer store of who answers, and may be those of a life before.
      const address = world.members.get(peer)?.address;
      found.push({ peer, addresses: address === undefined ? [] : [address] });
    }
    wake();
  };
  const providersAt = (target: Member): PeerId[] => {
    const now = world.clock.elapsed();
    return [...(target.providers.get(key) ?? [])].filter(([, until]) => until > now).map(([peer]) => peer);
  };

  add(providersAt(member));
  const cancel = world.after(member, deadlineMs, end);
  member.waits.add(end);
  const targets = world.closest(member, world.positionOf(key), world.link.replication);
  let waiting = targets.length;
  if (waiting === 0) end();
  for (const target of targets) {
    answer(
      world,
      member,
      target,
      () => providersAt(target),
      (peers) => {
        if (!over) add(peers);
      },
      () => {
        waiting--;
        if (waiting === 0) end();
      },
    );
  }
  try {
    for (let given = 0; given < limit; ) {
      const next = found.shift();
      if (next !== undefined) {
        given++;
        yield next;
      } else if (over) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    over = true;
    cancel();
    member.waits.delete(end);
  }
}

function store(member: Member, key: string, value: Uint8Array): void {
  member.records.set(key, { value, before: member.records.get(key)?.value ?? null });
}

/** A request that changes something: it arrives once or, when the way is cut, not at all. */
function request(world: World, from: Member, to: Member, run: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    world.clock.after(world.delay(from, to), () => {
      if (!to.isUp || !world.passes(from, to)) return;
      let refusal: Error | null = null;
      try {
        run();
      } catch (error) {
        refusal = error instanceof Error ? error : new Error(String(error));
      }
      world.clock.after(world.delay(to, from), () => {
        if (!from.isUp || !world.passes(from, to)) return;
        if (refusal === null) resolve();
        else reject(refusal);
      });
    });
  });
}

/**
 * A question whose answer the link may lose, repeat or delay.
 * @param done called once per target, also when no answer comes.
 */
function answer<T>(
  world: World,
  from: Member,
  to: Member,
  ask: () => T,
  receive: (value: T) => void,
  done: () => void,
): void {
  const { answers, lateMs } = world.link;
  const roundTripMs = world.delay(from, to) + world.delay(to, from);
  const late = () => lateMs * world.random.fraction();
  if (world.chance(answers.loss)) {
    world.after(from, roundTripMs + lateMs, done);
    return;
  }
  const come = (ms: number, last: boolean) =>
    world.after(from, ms, () => {
      if (to.isUp && world.passes(from, to)) receive(ask());
      if (last) done();
    });
  const firstMs = roundTripMs + (world.chance(answers.reorder) ? late() : 0);
  const isRepeated = world.chance(answers.duplicate);
  come(firstMs, !isRepeated);
  if (isRepeated) come(firstMs + late(), true);
}
