/** Names of the IPC channels between preload and main: all that there are. */
export const channels = {
  open: 'infernet:open',
  send: 'infernet:send',
  close: 'infernet:close',
  shell: 'infernet:shell',
  /** A batch of texts has been taken. */
  took: 'infernet:took',
  /** Main to page. */
  texts: 'infernet:texts',
  closed: 'infernet:closed',
  go: 'infernet:go',
} as const;
