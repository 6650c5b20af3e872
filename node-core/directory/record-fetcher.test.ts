import { describe, expect, it } from 'vitest';
import { createMemoryHub } from '../network/memory/hub.ts';
import { type PeerId, peerIdOf } from '../protocol/index.ts';
import { directoryLimits as limits } from './limits.ts';
import { RecordFetcher } from './record-fetcher.ts';
import { ManualClock, seededRandom } from './testing.ts';

const record = Uint8Array.of(1);
const peers: PeerId[] = Array.from({ length: 50 }, (_, i) => peerIdOf(new Uint8Array(32).fill(i + 1)));
const peer = peers[0] ?? '';

/** @param answerMs time of one look-up. */
function setUp(answer: () => Uint8Array | null, answerMs = 100) {
  const clock = new ManualClock();
  const network = createMemoryHub({ clock, random: seededRandom(1) }).join(peerIdOf(new Uint8Array(32)));
  const stats = { asked: 0, now: 0, most: 0, read: 0 };
  network.getRecord = async () => {
    stats.asked++;
    stats.most = Math.max(stats.most, ++stats.now);
    await new Promise<void>((resolve) => clock.after(answerMs, resolve));
    stats.now--;
    return answer();
  };
  const fetcher = new RecordFetcher({
    clock,
    network,
    lookupMs: 5000,
    peersMax: 100,
    read: () => {
      stats.read++;
      return true;
    },
  });
  return { clock, fetcher, stats };
}

describe('RecordFetcher', () => {
  it('asks once for a peer that several want', async () => {
    const { clock, fetcher, stats } = setUp(() => record);
    const wants = Promise.all([fetcher.want(peer), fetcher.want(peer)]);
    expect(await clock.run(wants)).toEqual([null, null]);
    expect(stats).toMatchObject({ asked: 1, read: 1 });
  });

  it('has a few look-ups under way at once, and serves all', async () => {
    const { clock, fetcher, stats } = setUp(() => record);
    await clock.run(Promise.all(peers.map((each) => fetcher.want(each))));
    expect(stats).toMatchObject({ asked: 50, read: 50, most: limits.fetchesMax });
  });

  it('asks for what cannot be read less and less often', async () => {
    const { clock, fetcher, stats } = setUp(() => null, 0);
    expect(await clock.run(fetcher.want(peer))).toBe('the DHT holds no record of it');
    expect(await fetcher.want(peer)).toMatch(/^it was asked for a moment ago/);
    for (let i = 0; i < 600; i++) {
      void fetcher.want(peer);
      await clock.advance(1000);
    }
    expect(stats.asked).toBeGreaterThan(5);
    expect(stats.asked).toBeLessThan(15);
    const before = stats.asked;
    fetcher.forgive(peer);
    await clock.run(fetcher.want(peer));
    expect(stats.asked).toBe(before + 1);
  });

  it('reads what was just read again, but only after a while', async () => {
    const { clock, fetcher, stats } = setUp(() => record, 0);
    await clock.run(fetcher.want(peer));
    const again = fetcher.want(peer);
    await clock.advance(limits.fetchAgainMs - 100);
    expect(stats.asked).toBe(1);
    expect(await clock.run(again)).toBeNull();
    expect(stats.asked).toBe(2);
  });

  it('does not wait for a network that never answers', async () => {
    const { clock, fetcher } = setUp(() => record, 1_000_000);
    expect(await clock.run(fetcher.want(peer))).toBe('no answer within 5000 ms');
  });

  it('lets go of what waits when it stops', async () => {
    const { clock, fetcher, stats } = setUp(() => record);
    const all = Promise.all(peers.map((each) => fetcher.want(each)));
    fetcher.stop();
    const reasons = await clock.run(all);
    expect(reasons.filter((reason) => reason === 'this node is stopping').length).toBeGreaterThan(40);
    expect(stats.asked).toBeLessThanOrEqual(limits.fetchesMax);
    expect(await fetcher.want(peer)).toBe('this node is stopping');
  });
});
