import { expect, it } from 'vitest';
import { linkIn, targetOf } from './deep-link.ts';

const id = 'a'.repeat(32);

it('knows jobs and peers, and takes nothing else', () => {
  expect(targetOf(`infernet://job/${id}`)).toBe(`#/jobs/${id}`);
  for (const link of [
    `infernet://job/${id}x`,
    'infernet://job/../..',
    `https://job/${id}`,
    'infernet://stop',
    `infernet://job/${id}#/settings`,
  ]) {
    expect(targetOf(link), link).toBeNull();
  }
  expect(linkIn(['/usr/bin/infernet', '--data', 'x', `infernet://job/${id}`])).toBe(`#/jobs/${id}`);
});
