/**
 * Does another program fill the screen? By what each system tells any program, without native code of ours:
 *
 * - X11: the active window and its state, as window managers keep them (EWMH `_NET_ACTIVE_WINDOW`, `_NET_WM_STATE`), read by
 *   `xprop`. Under Wayland that shows programs that run by XWayland, as most games do, and no others.
 * - Windows: `SHQueryUserNotificationState`, asked by one PowerShell that stays. Written after its documentation, never run on Windows.
 * - macOS: it says so only to programs that may control the computer, which we do not ask for.
 */
import { execFile } from 'node:child_process';
import { type LineHelper, lineHelper } from './line-helper.ts';

export type FullScreenLook =
  | { readonly fills: boolean }
  /** It cannot be told. `fix` is empty where nothing can be done about it. */
  | { readonly unseen: { readonly reason: string; readonly fix: string } };

export interface FullScreenOptions {
  readonly platform?: NodeJS.Platform;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Our own windows do not count. */
  readonly ownPid?: number;
  /** Runs a program; its output, or why there is none. */
  readonly run?: typeof runProgram;
  /** In place of PowerShell. */
  readonly helper?: LineHelper;
}

const programMsMax = 1_000;

/** @returns a function that looks. */
export function fullScreenWatch({
  platform = process.platform,
  env = process.env,
  ownPid = process.pid,
  run = runProgram,
  helper,
}: FullScreenOptions = {}): () => Promise<FullScreenLook> {
  if (platform === 'win32') {
    const powerShell = helper ?? lineHelper('powershell.exe', powerShellWords, programMsMax);
    return () => lookOnWindows(powerShell, ownPid);
  }
  if (platform === 'darwin') {
    return async () => unseen('macOS tells it only to programs that may control the computer');
  }
  return () => lookOnX11(env, ownPid, run);
}

type Env = NonNullable<FullScreenOptions['env']>;
type Ran = { readonly text: string } | { readonly isMissing: boolean; readonly error: string };

const unseen = (reason: string, fix = ''): FullScreenLook => ({ unseen: { reason, fix } });

async function lookOnX11(env: Env, ownPid: number, run: typeof runProgram): Promise<FullScreenLook> {
  if ((env['DISPLAY'] ?? '') === '') {
    return unseen(
      env['WAYLAND_DISPLAY'] === undefined
        ? 'this program runs without a display'
        : 'Wayland tells no program of the windows of others',
    );
  }
  const root = await run('xprop', ['-root', '_NET_ACTIVE_WINDOW', '_NET_SUPPORTING_WM_CHECK'], env);
  if ('error' in root) {
    return root.isMissing
      ? unseen('there is no xprop, which asks the display', 'install it; on Debian: apt-get install x11-utils')
      : unseen(`the display ${env['DISPLAY']} does not answer: ${root.error}`);
  }
  const id = /^_NET_ACTIVE_WINDOW\b.*?(?<id>0x[0-9a-f]+)/m.exec(root.text)?.groups?.['id'];
  if (id === undefined && !/^_NET_SUPPORTING_WM_CHECK\b.*0x[0-9a-f]+/m.test(root.text)) {
    return unseen('no window manager says which window is the active one');
  }
  // Some say nothing while there is none.
  if (id === undefined || Number(id) === 0) return { fills: false };
  const active = await run('xprop', ['-id', id, '_NET_WM_STATE', '_NET_WM_PID'], env);
  // It was closed meanwhile.
  if ('error' in active) return { fills: false };
  const isOwn = /^_NET_WM_PID\b.*= (?<pid>\d+)/m.exec(active.text)?.groups?.['pid'] === String(ownPid);
  return { fills: !isOwn && /^_NET_WM_STATE\b.*\b_NET_WM_STATE_FULLSCREEN\b/m.test(active.text) };
}

function runProgram(program: string, args: readonly string[], env: Env): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: programMsMax, windowsHide: true, env }, (error, text, said) => {
      if (error === null) return resolve({ text });
      const isMissing = 'code' in error && error.code === 'ENOENT';
      resolve({ isMissing, error: said.trim().split('\n').at(-1) || 'no answer in time' });
    });
  });
}

/**
 * Of `QUERY_USER_NOTIFICATION_STATE`: a full-screen program or one with presentation settings, one by Direct3D, a presentation.
 * `QUNS_APP` (7) is left out: by its documentation it may also mean an app of the Store that does not fill the screen.
 */
const fullScreenStates = new Set([2, 3, 4]);

/** Answers each line with the call's result, the state, and whose window is in front. Ends when its input does. */
const powerShellScript = `
$ErrorActionPreference = 'Stop'
Add-Type -Namespace Infernet -Name Screen -MemberDefinition '
[DllImport("shell32.dll")] public static extern int SHQueryUserNotificationState(out int state);
[DllImport("user32.dll")] public static extern System.IntPtr GetForegroundWindow();
[DllImport("user32.dll")] public static extern uint GetWindowThreadProcessId(System.IntPtr window, out uint process);'
while ([Console]::In.ReadLine() -ne $null) {
  [int]$state = 0
  [uint32]$owner = 0
  $result = [Infernet.Screen]::SHQueryUserNotificationState([ref]$state)
  [void][Infernet.Screen]::GetWindowThreadProcessId([Infernet.Screen]::GetForegroundWindow(), [ref]$owner)
  [Console]::Out.WriteLine("$result $state $owner")
}
`;
const powerShellWords = [
  ...['-NoLogo', '-NoProfile', '-NonInteractive', '-EncodedCommand'],
  Buffer.from(powerShellScript, 'utf16le').toString('base64'),
];

async function lookOnWindows(powerShell: LineHelper, ownPid: number): Promise<FullScreenLook> {
  const said = await powerShell.ask();
  const [result, state, owner] = (/^(-?\d+) (\d+) (\d+)$/.exec(said ?? '') ?? []).slice(1).map(Number);
  if (result !== 0 || state === undefined) {
    return unseen(
      said === null ? 'PowerShell, which asks Windows, gives no answer' : `Windows did not say it: ${said}`,
    );
  }
  return { fills: fullScreenStates.has(state) && owner !== ownPid };
}
