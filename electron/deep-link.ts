/** `infernet://job/<id>`: the only links that the app takes from outside, and what they mean inside. */
export const linkScheme = 'infernet';

/** @returns where in the interface to go, or null for anything else. */
export function targetOf(link: string): string | null {
  const job = /^infernet:\/\/job\/(?<id>[0-9a-f]{32})\/?$/.exec(link)?.groups?.['id'];
  if (job !== undefined) return `#/jobs/${job}`;
  const peer = /^infernet:\/\/peer\/(?<id>12D3KooW[1-9A-HJ-NP-Za-km-z]{44})\/?$/.exec(link)?.groups?.['id'];
  return peer === undefined ? null : `#/providers/${peer}`;
}

/** Windows and Linux hand the link over as an argument. */
export function linkIn(args: readonly string[]): string | null {
  for (const arg of args) {
    const target = targetOf(arg);
    if (target !== null) return target;
  }
  return null;
}
