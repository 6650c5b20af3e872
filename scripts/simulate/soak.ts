/** Keeps what the last soak said, with where and of what. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, totalmem, type } from 'node:os';
import { join } from 'node:path';
import type { ContainerPart } from './containers.ts';
import type { Answer } from './pool.ts';

export interface Soak {
  readonly root: string;
  readonly summary: string;
  readonly table: string;
  readonly answers: readonly Answer[];
  readonly containers: ContainerPart;
}

/** @returns the file. */
export function writeSoak({ root, summary, table, answers, containers }: Soak): string {
  const git = (...args: string[]): string => {
    try {
      return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return '';
    }
  };
  const [cpu] = cpus();
  const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes';
  const red = answers.flatMap(({ result }) => (result.broken === null ? [] : [result]));
  const text = `# The last soak

Written by \`npm run soak\`; do not edit. What the columns mean is in [simulation.md](simulation.md).

| | |
|---|---|
| date | ${new Date().toISOString()} |
| commit | ${git('rev-parse', 'HEAD') || 'unknown'}${changed} |
| command | \`npm run simulate -- ${process.argv.slice(2).join(' ')}\` |
| machine | ${cpus().length} × ${cpu?.model.trim() || 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()}, Node ${process.versions.node} |
| result | ${summary} |

${table}

${red.length === 0 ? 'No seed was red.' : `Red:\n\n${red.map(({ scenario, seed, nodes, broken }) => `- ${scenario}, seed ${seed}, ${nodes} nodes: ${broken?.message.split('\n')[0]}`).join('\n')}`}

${containers.text}`;
  const file = join(root, 'docs', 'soak.md');
  writeFileSync(file, text);
  return file;
}
