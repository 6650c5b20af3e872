import type { Command, Flag } from '../../node-core/cli/command.ts';
import { exitCodes, exitMeanings } from '../../node-core/cli/exit-codes.ts';
import { commands, programName } from '../../node-core/cli/table.ts';
import { anchor, code, document, table } from './markdown.ts';

const heading = (name: string) => `Command ${name}`;

/** Of the same table that the program is made of. */
export function cli(): string {
  return document(
    `
# The command line

Generated from \`node-core/cli/\` by \`npm run docs\`; do not edit. \`${programName} <command>\` asks a node that runs on this computer;
\`${programName} --headless\` is one. In the repository it is \`npm run cli -- <command>\`; \`npm link\` puts \`${programName}\` into the path.

    $ npm run headless -- --data ./my-node --provider &
    $ npm run cli -- submit reviews.csv --field review --out labels.jsonl --data ./my-node

## What all commands share

- **Which node:** \`--data <folder>\`; without it the data folder of the usual configuration (\`config path\` names both).
- **For programs:** \`--json\` writes one JSON document to the standard output, and nothing else. Progress, questions and warnings go to the
  standard error output. Amounts in JSON and CSV are micro-credits; people see credits.
- **On a terminal** there are bars and colours, unless \`NO_COLOR\` is set; elsewhere plain lines.
- **Jobs** are named by the first letters of their ids, or \`last\`; **peers** by the last letters of theirs.
- **Ctrl-C** while a job is followed ends the following. The job goes on.
`,
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.entries(exitMeanings).map(([kind, meaning]) => [code(String(codes.get(kind))), meaning]),
    ),
    'With `--headless` they are those of the node: `--headless --help` lists them.',
    '## Commands',
    table(
      ['command', 'meaning'],
      commands.map(({ name, summary }) => [`[${code(name)}](#${anchor(heading(name))})`, summary]),
    ),
    ...commands.map(section),
    `
## As a service

\`resources/service/infernet.service\` is a unit for systemd; its head says how to install it. The node tells systemd when it is ready,
alive (\`WatchdogSec\`) and stopping, through the program \`systemd-notify\`, since Node cannot send to systemd's socket itself. Stopping lets
running shards finish.

On the control API's port, which is on loopback, two pages need no token and hold no secret. A fixed port makes them easy to find:
\`control: { listen: 127.0.0.1:7070 }\`. Requests with a foreign \`Host\` or \`Origin\` are refused.

| page | tells |
| --- | --- |
| \`/healthz\` | 200 while the node answers and takes work, with or without peers; 503 while it drains |
| \`/metrics\` | Prometheus' text format: \`infernet_jobs_active\`, \`infernet_peers_connected\`, \`infernet_shards_total{state}\`, \`infernet_replicas_total{state}\`, \`infernet_work_total{state}\`, \`infernet_provider_replicas{state}\`, \`infernet_credits_micro{direction}\`, \`infernet_faults\` and others, each with its help |

Counters count from the start of the node.

    scrape_configs:
      - job_name: infernet
        static_configs: [{ targets: ['127.0.0.1:7070'] }]
`,
  );
}

const codes = new Map<string, number>(Object.entries(exitCodes));

function section({ name, summary, detail, flags, examples }: Command): string {
  const all = [...flags.values()];
  const words = all.filter(({ kind }) => kind === 'argument').map((flag) => flag.flags);
  const rows = all.map(({ flags: text, summary: says }: Flag) => [code(text), says]);
  return [
    `### ${heading(name)}`,
    code([programName, name, ...words].join(' ')),
    `${summary}${detail === undefined ? '' : ` ${detail}`}`,
    table(['word', 'meaning'], rows),
    examples.map(({ line, says }) => `    ${programName} ${line}        # ${says}`).join('\n'),
  ].join('\n\n');
}
