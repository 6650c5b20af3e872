import { document } from './markdown.ts';
import { defaults, type TypeTables } from './schemas.ts';

export const jobSections = ['JobSpec', 'VerificationPolicy', 'TemplateManifest'];

export function jobs(types: TypeTables): string {
  return document(
    '## Jobs',
    types.section('JobSpec', 'What a client asks its node for, by `jobs.submit` of [the control API](control-api.md).'),
    types.section(
      'VerificationPolicy',
      `
Each shard runs on \`copies\` providers; its result is accepted when \`quorum\` of them agree on every item. \`quorum\` is at most
\`copies\`, and more than half of them.`,
    ),
    `
### Shards and replicas

Inputs are cut, in order, into shards of at most \`itemsPerShard\` items and \`inlineBytesMax\` bytes (the sum of the items' JSON).
Ids are made of each other: job \`<32 hex>\`, shard \`<job>.<index from 0>\`, replica \`<shard>.<attempt from 1>.<last 8 characters
of the provider's peer id>\`. A shard has at most ${defaults.aggregator.attemptsPerShardMax} replicas. Results are merged in the order of the inputs.
`,
    types.section(
      'TemplateManifest',
      `
\`template.json\` of a template. Its verifier class says what “agree” means: with \`exact\` canonical bytes are equal; with
\`label\` they are equal after the text in \`label\` went through NFKC, lower case, NFKC and trimming. Providers normalise
**before** they commit, so that hashes can be compared. \`numeric\` and \`token-divergence\` come with a later version. Here
unknown fields are an error.`,
    ),
  );
}
