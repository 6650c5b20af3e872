import { expect, it, vi } from 'vitest';

interface Item {
  readonly label?: string;
  readonly accelerator?: string;
  readonly submenu?: readonly Item[];
  click?(): void;
}
const set: (readonly Item[])[] = [];
vi.mock('electron', () => ({
  app: { name: 'Infernet' },
  Menu: {
    buildFromTemplate: (template: readonly Item[]) => template,
    setApplicationMenu: (menu: readonly Item[]) => set.push(menu),
  },
}));
const { setMenu } = await import('./menu.ts');

it('has a key for every page, each its own, and leads there', () => {
  const gone: string[] = [];
  let quits = 0;
  setMenu({
    go: (to) => gone.push(to),
    quit: () => {
      quits += 1;
    },
  });
  const items = (set.at(-1) ?? []).flatMap(({ submenu }) => submenu ?? []);
  const keyed = items.filter(({ accelerator }) => accelerator !== undefined);
  expect(new Set(keyed.map(({ accelerator }) => accelerator)).size).toBe(keyed.length);
  for (const { click } of keyed) click?.();
  const pages = ['submit', 'settings', 'dashboard', 'chat', 'jobs', 'providers', 'wallet', 'logs'];
  expect(new Set(gone)).toEqual(new Set(pages.map((page) => `#/${page}`)));
  expect(quits).toBe(1);
});
