import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messages, signatureDomains } from '../node-core/protocol/index.ts';
import { sequence } from './docs/diagrams.ts';
import { anchor } from './docs/markdown.ts';
import { pages } from './docs/pages.ts';
import { stalePages } from './generate-docs.ts';

const all = new Map(pages().map(({ path, text }) => [path.replace('docs/', ''), text]));

describe('generated documents', () => {
  it('on disk are what the schemas say; else run: npm run docs', async () => {
    expect((await stalePages()).map(({ path }) => path)).toEqual([]);
  });

  it('are all stale in an empty folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'infernet-docs-'));
    try {
      expect(await stalePages(folder)).toHaveLength(all.size);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('are the same each time', () => {
    expect(pages()).toEqual(pages());
  });

  it('name every message and every domain of signatures', () => {
    const protocol = all.get('protocol.md') ?? '';
    for (const type of Object.keys(messages)) expect(protocol).toContain(`\n### Message ${type}\n`);
    for (const domain of Object.keys(signatureDomains)) expect(protocol).toContain(`| \`${domain}\` |`);
  });

  it.each([...all])('%s links to headings that exist', (page, text) => {
    for (const [, target = '', heading = ''] of text.matchAll(/\]\(((?:[a-z-]+\.md)?)#([^)]+)\)/g)) {
      const headings = [...(all.get(target || page) ?? '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        anchor(title),
      );
      expect(headings, `${page} → ${target}#${heading}`).toContain(heading);
    }
  });

  it('have no two headings with one anchor', () => {
    for (const text of all.values()) {
      const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => anchor(title));
      expect(headings.filter((heading, i) => headings.indexOf(heading) !== i)).toEqual([]);
    }
  });

  it('draw no message that does not exist', () => {
    expect(() => sequence('C->>P: shard.assign{attempt: 2}')).not.toThrow();
    expect(() => sequence('C->>P: shard.asign')).toThrow('shard.asign');
  });
});
