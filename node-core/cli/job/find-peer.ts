/** People type the last letters of a peer id: all begin alike. */
import { type NodeApi, PeerId, z } from '../../protocol/index.ts';
import { CliError } from '../exit-codes.ts';
import { peerText } from '../text/units.ts';

/** As it stands on the command line; `…` is how we print it ourselves. */
export const peerRef = () =>
  z
    .string()
    .regex(/^…?[1-9A-HJ-NP-Za-km-z]{4,52}$/, 'expected a peer id, or at least its last 4 letters')
    .transform((ref) => ref.replace('…', ''));

export async function findPeer(node: NodeApi, ref: string): Promise<PeerId> {
  if (PeerId.safeParse(ref).success) return ref;
  const [{ peers }, { peers: partners }] = await Promise.all([
    node.call('peers.list', {}),
    node.call('wallet.summary', {}),
  ]);
  const known = new Set([...peers, ...partners].map(({ peerId }) => peerId));
  const found = [...known].filter((peerId) => peerId.endsWith(ref));
  const [only] = found;
  if (only === undefined) throw new CliError('not-found', `no known peer's id ends with ${ref}; \`peers\` lists them`);
  if (found.length > 1)
    throw new CliError(
      'usage',
      `${found.length} peers' ids end with ${ref}: ${found.map(peerText).join(', ')}; give more of it`,
    );
  return only;
}
