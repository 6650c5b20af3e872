import {
  failureCodes,
  jobMachine,
  replicaMachine,
  shardMachine,
  wireErrorCodes,
} from '../../node-core/protocol/index.ts';
import { stateDiagram } from './diagrams.ts';
import { code, document, table } from './markdown.ts';

const rows = (codes: Readonly<Record<string, string>>) =>
  Object.entries(codes).map(([name, text]) => [code(name), text]);

export function codes(): string {
  return document(
    `
## Codes

### Failure codes

Why a peer declines or fails work, and why a job or shard ended.
`,
    table(['code', 'meaning'], rows(failureCodes)),
    `
### Wire errors

What is wrong with a message as such: the codes of \`error\`.
`,
    table(['code', 'meaning'], rows(wireErrorCodes)),
  );
}

export function states(): string {
  return document(
    `
## States

Arrows are events; an event that a state has no arrow for is an error, never a silent correction. Aggregator and provider
each keep their own view of a replica by the same machine.

### Job
`,
    stateDiagram(jobMachine.table),
    'What was accepted before a job failed or was cancelled is kept, and was paid.',
    '### Shard',
    stateDiagram(shardMachine.table),
    '### Replica',
    stateDiagram(replicaMachine.table),
    `
A replica that has committed cannot be cancelled any more: it is revealed and judged, or it is \`lost\`. A lost replica lowers the
score that the client itself keeps, and makes no receipt.
`,
  );
}
