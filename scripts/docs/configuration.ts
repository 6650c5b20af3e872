import { isLive } from '../../node-core/config/live.ts';
import { byteSize, code, document, duration, table } from './markdown.ts';
import { configKeys, limitsOf, type Node, type TypeTables } from './schemas.ts';

const groupMeanings: Readonly<Record<string, string>> = {
  '': 'The data folder is the only key that has no default.',
  network: 'How the node reaches others.',
  provider: 'What the node does for others, and at what price.',
  execution: 'How templates run on this computer.',
  aggregator: 'How the node gives its own jobs to others.',
  directory: 'How the node keeps track of others.',
  verification: 'When a difference is held against a provider.',
  reputation:
    'Receipts for work between others: [how they count](reputation.md). Receipts reveal who worked for whom; `gossip: false` keeps this node’s own between it and the other side, and hears nothing of others.',
  messaging: 'Limits of channels to peers.',
  host: 'When this computer is not to work for others: what was taken before is finished, and own jobs go on but for a full disk.',
  store: 'The log on disk.',
  spending: 'How much the node may pay to others, whatever its jobs allow.',
  control: 'The [control API](control-api.md).',
  log: 'Log lines, as JSON.',
};

export function configuration(types: TypeTables): string {
  const keys = configKeys();
  const groups = [...new Set(keys.map(({ group }) => group))];
  return document(
    `
# Configuration

Generated from \`node-core/config/schema.ts\` by \`npm run docs\`; do not edit. A file of it is YAML or JSON:

    dataFolder: ./node-a
    network:
      bootstrap: ['/ip4/192.0.2.7/tcp/4001/ws/p2p/12D3KooW…']
    provider:
      enabled: true

An unknown key is an error. The last part of a name is the unit: \`Ms\` milliseconds, \`Bytes\`, \`Micro\` micro-credits (as a decimal
string in quotes); \`Max\` is a limit.

Settings marked \`live\` take effect while the node runs, for what begins from then on: after \`infernet-desktop config set KEY VALUE\`, \`settings.set\` of the
[control API](control-api.md), or a change of the file and SIGHUP (\`systemctl reload infernet\`). All others take effect
at the next start; the answer to a change names those of them that were changed.
`,
    ...groups.map((group) => {
      const meaning = groupMeanings[group];
      if (meaning === undefined)
        throw new Error(`scripts/docs/configuration.ts does not say what the group ${group} is for`);
      const rows = keys
        .filter((entry) => entry.group === group)
        .map(({ key, node }) => [
          code(key),
          types.typeOf(node),
          defaultOf(key, node),
          meaningOf(node),
          isLive(key) ? 'live' : 'next start',
        ]);
      const title = group === '' ? '' : `## ${group}\n\n`;
      return `${title}${meaning}\n\n${table(['key', 'type', 'default', 'meaning', 'takes effect'], rows)}`;
    }),
  );
}

function defaultOf(key: string, node: Node): string {
  if (node.default === undefined) return 'none, required';
  const text = code(JSON.stringify(node.default));
  if (typeof node.default !== 'number' || node.default < 1000) return text;
  if (key.endsWith('Ms')) return `${text} (${duration(node.default)})`;
  return key.endsWith('BytesMax') ? `${text} (${byteSize(node.default)})` : text;
}

function meaningOf(node: Node): string {
  const limits = limitsOf({ ...node, default: undefined });
  return [...(node.description === undefined ? [] : [node.description]), ...(limits === '' ? [] : [limits])].join('; ');
}
