import { describe, expect, it } from 'vitest';
import { ImageReference } from '../templates/custom-image.ts';
import { librariesIn } from './node-base.ts';
import { packagesIn, placeOf } from './tesseract-base.ts';

describe('what goes into a base image', () => {
  it('is each library that the loader finds, once', () => {
    const said = [
      '/usr/bin/node:',
      '\tlinux-vdso.so.1 (0x00007ffd)',
      '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f1)',
      '\tlibgone.so.1 => not found',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)',
      '/other.node:',
      '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f3)',
    ].join('\n');
    expect(librariesIn(said)).toEqual(['/lib/x86_64-linux-gnu/libm.so.6', '/lib64/ld-linux-x86-64.so.2']);
  });

  it('is each package that apt names', () => {
    const said = [
      'Reading package lists...',
      "'http://deb.debian.org/debian/pool/main/g/gmp/libgmp10_6.2.1-1.1_amd64.deb' libgmp10_2%3a6.2.1-1.1_amd64.deb 562588 SHA256:ab",
      "'http://deb.debian.org/x.deb' ../../etc/x.deb 1 SHA256:ab",
    ].join('\n');
    expect(packagesIn(said)).toEqual(['libgmp10_2%3a6.2.1-1.1_amd64.deb']);
  });

  it.each([
    ['./', null],
    ['./lib/', null],
    ['./lib/x86_64-linux-gnu/libc.so.6', 'usr/lib/x86_64-linux-gnu/libc.so.6'],
    ['./usr/bin/tesseract', 'usr/bin/tesseract'],
    ['./usr/share/doc/', null],
    ['./usr/share/doc/libc6/copyright', null],
  ])('has %s at %s', (name, place) => {
    expect(placeOf(name)).toBe(place);
  });
});

describe('the name of an image', () => {
  const digest = 'a'.repeat(64);
  it.each([`sha256:${digest}`, `node@sha256:${digest}`, `registry.example:5000/team/ocr@sha256:${digest}`])(
    '%s is one',
    (name) => {
      expect(ImageReference.safeParse(name).success).toBe(true);
    },
  );
  it.each(['node', 'node:24', digest, `Node@sha256:${digest}`, `sha256:${digest.slice(1)}`, `--x@sha256:${digest}`])(
    '%s is none: it may be another image tomorrow',
    (name) => {
      expect(ImageReference.safeParse(name).success).toBe(false);
    },
  );
});
