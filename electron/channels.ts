/** Names of the IPC channels between preload and main: all that there are. */
export const channels = {
  open: 'infernet:open',
  send: 'infernet:send',
  close: 'infernet:close',
  shell: 'infernet:shell',
  /** Main to page. */
  text: 'infernet:text',
  closed: 'infernet:closed',
  go: 'infernet:go',
} as const;
