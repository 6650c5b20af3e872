/** The tray: how the node is, the switch, the window, the end. Desktops without one do without it. */
import { Menu, nativeImage, Tray } from 'electron';
import type { Logger } from '../node-core/ports/index.ts';
import type { NodeApi } from '../node-core/protocol/index.ts';
import type { NodeState } from './node-host.ts';
import { statusLine } from './words.ts';

export interface TrayOptions {
  readonly icon: string;
  api(): NodeApi | null;
  state(): NodeState;
  show(): void;
  quit(): void;
  readonly log: Logger;
}

export interface AppTray {
  /** Something that it shows may have changed. */
  update(): void;
}

/** A menu is built anew for each change: not more often than this. */
const settleMs = 300;

export function createTray({ icon, api, state, show, quit, log }: TrayOptions): AppTray | null {
  let tray: Tray;
  try {
    tray = new Tray(nativeImage.createFromPath(icon));
  } catch (error) {
    log.warn({ error: error instanceof Error ? error.message : String(error) }, 'there is no tray');
    return null;
  }
  tray.setToolTip('Infernet');
  tray.on('click', show);
  let isPending = false;

  async function draw(): Promise<void> {
    isPending = false;
    const status = await api()
      ?.call('node.status', {})
      .catch(() => null);
    const pauses = await api()
      ?.call('provider.status', {})
      .then(({ on, pauses }) => (on ? pauses : []))
      .catch(() => []);
    const paused = pauses?.[0]?.reason;
    const byHand = pauses?.some(({ by }) => by === 'hand') ?? false;
    const words =
      paused !== undefined
        ? `Work for others stands still: ${paused}`
        : status == null
          ? { starting: 'Starting', online: 'Online', stopping: 'Stopping', failed: 'The node does not run' }[state()]
          : statusLine(status);
    tray.setToolTip(`Infernet: ${words}`);
    const isOn = status?.provider.on ?? false;
    tray.setContextMenu(
      Menu.buildFromTemplate([
        { label: words, enabled: false },
        { type: 'separator' },
        {
          label: !isOn ? 'Become provider' : byHand ? 'Resume providing' : 'Pause providing',
          enabled: status != null,
          click: () =>
            void (
              isOn ? api()?.call('provider.pause', { paused: !byHand }) : api()?.call('provider.switch', { on: true })
            )?.catch(() => {}),
        },
        { label: 'Open Infernet', click: show },
        { type: 'separator' },
        { label: 'Quit', click: quit },
      ]),
    );
  }

  const update = (): void => {
    if (isPending) return;
    isPending = true;
    setTimeout(() => void draw(), settleMs);
  };
  update();
  return { update };
}
