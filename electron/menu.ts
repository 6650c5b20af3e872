/** The menu of the window: what every desktop app has, and the pages with their keys. */
import { app, Menu, type MenuItemConstructorOptions } from 'electron';

const pages = [
  ['Dashboard', '#/dashboard'],
  ['New Job', '#/submit'],
  ['Chat', '#/chat'],
  ['Jobs', '#/jobs'],
  ['Providers', '#/providers'],
  ['Wallet', '#/wallet'],
  ['Logs', '#/logs'],
] as const;

/** What the menu of a program holds on macOS, after Apple's guidelines. Electron: "Menu", "MenuItem roles". */
const macItems: readonly MenuItemConstructorOptions[] = [
  { role: 'about' },
  { type: 'separator' },
  { role: 'services' },
  { type: 'separator' },
  { role: 'hide' },
  { role: 'hideOthers' },
  { role: 'unhide' },
  { type: 'separator' },
];

export function setMenu({ go, quit }: { go(to: string): void; quit(): void }): void {
  const isMac = process.platform === 'darwin';
  const template: MenuItemConstructorOptions[] = [
    {
      label: isMac ? app.name : 'File',
      submenu: [
        { label: 'New Job', accelerator: 'CmdOrCtrl+N', click: () => go('#/submit') },
        { label: 'Settings', accelerator: 'CmdOrCtrl+,', click: () => go('#/settings') },
        { type: 'separator' },
        ...(isMac ? macItems : []),
        { role: 'close' },
        { label: 'Quit', accelerator: 'CmdOrCtrl+Q', click: quit },
      ],
    },
    { role: 'editMenu' },
    {
      label: 'Go',
      submenu: pages.map(([label, to], index) => ({
        label,
        accelerator: `CmdOrCtrl+${index + 1}`,
        click: () => go(to),
      })),
    },
    {
      label: 'View',
      submenu: [
        { role: 'reload' },
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
      ],
    },
    { role: 'windowMenu' },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
