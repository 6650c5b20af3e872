import { readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manifestOf, shippedTemplates, temporaryFolder, writeTemplate } from '../testing.ts';
import { loadTemplates } from './load-templates.ts';

let root: string;
let remove: () => Promise<void>;
beforeEach(async () => {
  ({ path: root, remove } = await temporaryFolder());
});
afterEach(() => remove());

describe('loadTemplates', () => {
  it('reads the shipped templates, each with a sample that fits its own schema', async () => {
    const { templates, faults } = await loadTemplates([shippedTemplates]);
    expect(faults).toEqual([]);
    const names = ['custom-image', 'embeddings', 'null', 'ocr', 'text-classification', 'text-generation'];
    expect(templates.map(({ template }) => template.name)).toEqual(names);
    for (const { sample, template } of templates) {
      expect(sample?.inputs.length).toBeGreaterThan(0);
      expect(template.tolerance !== undefined).toBe(template.verifier === 'numeric');
    }
  });

  it('has every file that a shipped runner imports under its id', async () => {
    const { templates } = await loadTemplates([shippedTemplates]);
    for (const { files } of templates) {
      const modules = files.filter((path) => path.endsWith('.mjs'));
      for (const module of modules) {
        const text = await readFile(module, 'utf8');
        for (const [, name = ''] of text.matchAll(/^import .* from '(\..*)';$/gm)) {
          expect(modules).toContain(join(dirname(module), name));
        }
      }
    }
  });

  it('names a template by the bytes of its files, and by nothing else', async () => {
    const manifest = manifestOf({ files: ['../shared.mjs'] });
    const idOf = async (): Promise<string | undefined> => (await loadTemplates([root])).templates[0]?.template.id;
    await writeFile(join(root, 'shared.mjs'), 'one');
    const folder = await writeTemplate(root, manifest, { 'runner.mjs': 'a' });
    const first = await idOf();
    expect(first).toMatch(/^bafy/);
    await writeFile(join(folder, 'README.md'), 'not in the id');
    expect(await idOf()).toBe(first);
    await writeFile(join(root, 'shared.mjs'), 'two');
    const second = await idOf();
    expect(second).not.toBe(first);
    await writeFile(join(root, 'shared.mjs'), 'one');
    expect(await idOf()).toBe(first);
    await writeFile(join(folder, 'runner.mjs'), 'b');
    expect(await idOf()).not.toBe(first);
  });

  it.each([
    ['a missing file', manifestOf({ files: ['gone.mjs'] }), /gone\.mjs is missing/],
    ['a file outside of the root', manifestOf({ files: ['../../../etc/passwd'] }), /is missing|lies outside/],
    ['an absolute path', manifestOf({ files: ['/etc/passwd'] }), /expected a relative path/],
    ['a file named twice', manifestOf({ files: ['runner.mjs'] }), /names a file twice/],
    ['an unknown schema', manifestOf({ params: { type: 'nope' } }), /this JSON Schema is not understood/],
    ['a bad version', manifestOf({ version: 'one' }), /version: expected a version as 1\.2\.3/],
  ])('leaves out a template with %s, and keeps the others', async (_, manifest, fault) => {
    await writeTemplate(root, manifest, { 'runner.mjs': '' });
    await writeTemplate(root, manifestOf({ name: 'sound' }), { 'runner.mjs': '' });
    const { templates, faults } = await loadTemplates([root]);
    expect(templates.map(({ template }) => template.name)).toEqual(['sound']);
    expect(faults).toEqual([expect.stringMatching(fault)]);
  });

  it('refuses a link that leads out of the root', async () => {
    const folder = await writeTemplate(root, manifestOf({ files: ['link'] }), { 'runner.mjs': '' });
    await symlink('/etc/hostname', join(folder, 'link'));
    expect((await loadTemplates([root])).faults[0]).toMatch(/lies outside/);
  });

  it('refuses an unknown key and what is not JSON', async () => {
    const folder = await writeTemplate(root, manifestOf(), { 'runner.mjs': '' });
    await writeFile(join(folder, 'template.json'), JSON.stringify({ ...manifestOf(), verifer: 'exact' }));
    expect((await loadTemplates([root])).faults[0]).toMatch(/verifer/);
    await writeFile(join(folder, 'template.json'), '{');
    expect((await loadTemplates([root])).faults[0]).toMatch(/template\.json is not JSON/);
  });

  it('names a folder that is not there', async () => {
    const { faults } = await loadTemplates([join(root, 'nowhere')]);
    expect(faults[0]).toMatch(/template folder .*nowhere: ENOENT/);
  });
});
