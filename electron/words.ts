/** What tray and dialogs say: sentences of the shell, in one place. */
interface Status {
  readonly connectedPeers: number;
  readonly jobsActive: number;
  readonly provider: { readonly running: number };
}

const count = (value: number, one: string): string => `${value} ${value === 1 ? one : `${one}s`}`;

/** One line for the tray. */
export const statusLine = ({ connectedPeers, jobsActive, provider }: Status): string =>
  [count(connectedPeers, 'peer'), `${count(provider.running, 'shard')} running`, count(jobsActive, 'own job')].join(
    ' · ',
  );

/** What would be broken off by an end now. */
export function underWay({ jobsActive, provider }: Status): string {
  const parts = [
    ...(jobsActive > 0 ? [`${count(jobsActive, 'job')} of your own`] : []),
    ...(provider.running > 0 ? [`${count(provider.running, 'shard')} of others`] : []),
  ];
  const verb = jobsActive + provider.running === 1 ? 'is' : 'are';
  const later = jobsActive === 0 ? '' : ' Your own go on at the next start.';
  return `${parts.join(' and ')} ${verb} running.${later}`;
}
