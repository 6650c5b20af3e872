import { expect, it } from 'vitest';
import { farther } from './called-from.ts';

it.each([
  ['/ip4/127.0.0.1/tcp/4001/ws', 'computer'],
  ['/ip6/::1/tcp/4001', 'computer'],
  ['/ip4/192.168.1.7/tcp/4001', 'local-network'],
  ['/ip4/100.64.3.3/tcp/4001', 'local-network'],
  ['/ip6/fe80::1/tcp/4001', 'local-network'],
  ['/ip4/203.0.113.9/tcp/4001', 'internet'],
  ['/ip6/2001:db8::1/tcp/4001', 'internet'],
  ['/ip4/203.0.113.9/tcp/4001/p2p/12D3KooWx/p2p-circuit', null],
  ['/dns4/example.com/tcp/4001', null],
])('%s was a call from %s', (address, from) => {
  expect(farther(null, address)).toBe(from);
});

it('remembers the farthest', () => {
  expect(farther('internet', '/ip4/127.0.0.1/tcp/1')).toBe('internet');
  expect(farther('computer', '/ip4/10.0.0.1/tcp/1')).toBe('local-network');
});
