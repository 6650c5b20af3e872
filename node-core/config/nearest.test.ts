import { describe, expect, it } from 'vitest';
import { nearest } from './nearest.ts';

describe('nearest', () => {
  it('finds what was meant', () => {
    expect(nearest('lisen', ['announce', 'listen', 'mdns'])).toBe('listen');
    expect(nearest('netwrok', ['network', 'network2'])).toBe('network');
    expect(nearest('DATAFOLDER', ['dataFolder'])).toBe('dataFolder');
    expect(nearest('inflightMax', ['queueMax', 'inFlightPerClientMax', 'inFlightMax'])).toBe('inFlightMax');
  });

  it('says nothing rather than nonsense', () => {
    expect(nearest('colour', ['level'])).toBeNull();
    expect(nearest('x', ['listen'])).toBeNull();
    expect(nearest('', ['a long word'])).toBeNull();
    expect(nearest('listen', [])).toBeNull();
  });
});
