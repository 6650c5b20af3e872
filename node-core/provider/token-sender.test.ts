import { describe, expect, it } from 'vitest';
import { createSigner } from '../identity/index.ts';
import { type MessageOf, RunningHash, replicaIdOf, shardIdOf } from '../protocol/index.ts';
import { TokenSender, type TokenSenderOptions } from './token-sender.ts';

const signer = createSigner(new Uint8Array(32).fill(1));
const client = createSigner(new Uint8Array(32).fill(2)).peerId;
const itemSalt = 'a'.repeat(64);
type Told = MessageOf<'shard.token'>['body'];

/** @param prefixes tokens that the client has shown before. */
function setUp(prefixes: TokenSenderOptions['prefixes'] = []) {
  const told: Told[] = [];
  const held: Array<(error: Error | null) => void> = [];
  const world = { isHeld: false };
  const sender = new TokenSender({
    messenger: {
      async deliver(_to, message) {
        if (message.type === 'shard.token') told.push(message.body);
        if (!world.isHeld) return;
        await new Promise<void>((resolve, reject) => {
          held.push((error) => (error === null ? resolve() : reject(error)));
        });
      },
    },
    signer,
    client,
    replicaId: replicaIdOf(shardIdOf('a'.repeat(32), 0), 1, signer.peerId),
    itemSalt,
    prefixes,
    started: Promise.resolve(),
  });
  return { sender, told, held, world };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const piece = (index: number, tokenIds: number[], text: string) => ({ item: 0, index, tokenIds, text });
const textOf = (told: readonly Told[]) => told.map(({ text }) => text).join('');

describe('TokenSender', () => {
  it('says each token once, with the running hash of all up to there', async () => {
    const { sender, told } = setUp();
    sender.push(piece(0, [1], 'a'));
    await settled();
    sender.push(piece(1, [2, 3], 'bc'));
    await settled();
    expect(told).toMatchObject([
      { index: 0, letters: 0, tokens: [1], text: 'a' },
      { index: 1, letters: 1, tokens: [2, 3], text: 'bc' },
    ]);
    const hash = new RunningHash(itemSalt, 0).push([1, 2, 3], 'abc');
    expect(told[1]?.runningHash).toBe(hash.head());
  });

  it('gathers for a slow client: one message is under way, the rest follows in one', async () => {
    const { sender, told, held, world } = setUp();
    world.isHeld = true;
    for (let index = 0; index < 50; index += 1) sender.push(piece(index, [index], 'x'));
    await settled();
    expect(told).toHaveLength(1);
    for (let index = 50; index < 100; index += 1) sender.push(piece(index, [index], 'x'));
    held.shift()?.(null);
    await settled();
    expect(told).toHaveLength(2);
    expect(textOf(told)).toBe('x'.repeat(100));
  });

  it('begins again where a message was lost, and after the prefix that was shown before', async () => {
    const { sender, told, held, world } = setUp([[8, 9]]);
    world.isHeld = true;
    sender.push(piece(2, [1], 'a'));
    await settled();
    held.shift()?.(new Error('the channel broke'));
    await settled();
    world.isHeld = false;
    sender.push(piece(3, [2], 'b'));
    await settled();
    expect(told.at(-1)).toMatchObject({ index: 2, letters: 0, tokens: [1, 2], text: 'ab' });
    sender.again();
    await settled();
    expect(told.at(-1)).toMatchObject({ index: 2, letters: 0, tokens: [1, 2], text: 'ab' });
  });

  it('says what waits at its end, commits to how far it showed, and is silent after', async () => {
    const { sender, told, world } = setUp();
    world.isHeld = true;
    sender.push(piece(0, [1], 'a'));
    await settled();
    sender.push(piece(1, [2], 'b'));
    const outputs = [{ tokenIds: [1, 2], text: 'ab' }];
    const shown = sender.end(outputs);
    expect(textOf(told)).toBe('ab');
    const hash = new RunningHash(itemSalt, 0).push([1, 2], 'ab');
    expect(shown).toEqual([{ item: 0, tokens: 2, letters: 2, head: hash.head() }]);
    sender.push(piece(2, [3], 'c'));
    sender.again();
    await settled();
    expect(textOf(told)).toBe('ab');
    expect(sender.end(outputs)).toEqual(shown);
  });
});
