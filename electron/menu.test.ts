import { afterEach, expect, it, vi } from 'vitest';

interface Item {
  readonly label?: string;
  readonly accelerator?: string;
  readonly role?: string;
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

afterEach(() => void vi.unstubAllGlobals());

const macRoles = ['about', 'services', 'hide', 'hideOthers', 'unhide'];
it.each([
  ['darwin', macRoles],
  ['linux', []],
])('of %s has what its system expects', (platform, roles) => {
  vi.stubGlobal('process', { ...process, platform });
  setMenu({ go: () => undefined, quit: () => undefined });
  const [first] = set.at(-1) ?? [];
  expect(first?.label).toBe(platform === 'darwin' ? 'Infernet' : 'File');
  expect(
    (first?.submenu ?? []).flatMap(({ role }) => (role !== undefined && macRoles.includes(role) ? [role] : [])),
  ).toEqual(roles);
  // Everywhere: close, undo and copy, zoom and full screen, the window's own.
  const all = (set.at(-1) ?? []).flatMap(({ role, submenu }) => [role, ...(submenu ?? []).map((item) => item.role)]);
  for (const role of [
    'close',
    'editMenu',
    'reload',
    'zoomIn',
    'zoomOut',
    'resetZoom',
    'togglefullscreen',
    'windowMenu',
  ])
    expect(all).toContain(role);
});
