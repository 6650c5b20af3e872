import { expect, it } from 'vitest';
import { NodeConfig } from '../config/index.ts';
import { type Marked, peerMarker } from './peers.ts';

const peer = (letter: string) => `12D3KooW${letter.repeat(44)}`;

/** Writes its settings a moment later, as a file does. */
function owner(): Marked {
  let config = NodeConfig.parse({ dataFolder: '/nowhere' });
  return {
    ports: { signer: { peerId: peer('z') } },
    get config() {
      return config;
    },
    async saveSettings({ values }) {
      await Promise.resolve();
      for (const [path, value] of Object.entries(values)) {
        const [room = '', name = ''] = path.split('.');
        config = NodeConfig.parse({ ...config, [room]: { ...Reflect.get(config, room), [name]: value } });
      }
      return { changed: Object.keys(values), restart: [], waiting: {}, file: '' };
    },
  };
}

it('keeps every mark of the same moment', async () => {
  const rooms = owner();
  const mark = peerMarker(rooms);
  await Promise.all([
    mark({ peerId: peer('A'), mark: 'blocked' }),
    mark({ peerId: peer('B'), mark: 'blocked' }),
    mark({ peerId: peer('C'), mark: 'favoured' }),
    mark({ peerId: peer('B'), mark: 'favoured' }),
  ]);
  expect(rooms.config.aggregator.blockedProviders).toEqual([peer('A')]);
  expect(rooms.config.provider.blockedClients).toEqual([peer('A')]);
  expect(rooms.config.aggregator.favouredProviders).toEqual([peer('C'), peer('B')]);
});

it('goes on after a mark that was refused', async () => {
  const mark = peerMarker(owner());
  const refused = mark({ peerId: peer('z'), mark: 'blocked' });
  const next = mark({ peerId: peer('A'), mark: 'blocked' });
  await expect(refused).rejects.toThrow(/takes no mark/);
  expect(await next).toEqual({ mark: 'blocked' });
});
