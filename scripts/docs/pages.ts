/** The generated pages: one function, no clock and no file, so that a test can compare them with what is on disk. */
import { cli } from './cli.ts';
import { configuration } from './configuration.ts';
import { controlApi, controlSections } from './control-api.ts';
import { document } from './markdown.ts';
import { codes, states } from './protocol-codes.ts';
import { discovery, discoverySections } from './protocol-discovery.ts';
import { logEvents } from './protocol-events.ts';
import { contentIds, identity, intro, limits } from './protocol-intro.ts';
import { jobSections, jobs } from './protocol-jobs.ts';
import { messageSections, messageTypes } from './protocol-messages.ts';
import { recordSections, records } from './protocol-records.ts';
import { sequences } from './protocol-sequences.ts';
import { TypeTables } from './schemas.ts';

export interface Page {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

const protocolPage = 'protocol.md';
const controlPage = 'control-api.md';

const sections = new Map<string, string>([
  ...[discoverySections, jobSections, messageSections, recordSections]
    .flat()
    .map((name): [string, string] => [name, protocolPage]),
  ...controlSections.map((name): [string, string] => [name, controlPage]),
]);

export function pages(): Page[] {
  const types = new TypeTables(protocolPage, sections);
  return [
    {
      path: `docs/${protocolPage}`,
      text: document(
        intro,
        identity(),
        contentIds,
        discovery(types),
        jobs(types),
        messageTypes(types),
        records(types),
        sequences(),
        states(),
        codes(),
        limits(),
        logEvents(types),
      ),
    },
    { path: `docs/${controlPage}`, text: controlApi(new TypeTables(controlPage, sections)) },
    { path: 'docs/cli.md', text: cli() },
    { path: 'docs/configuration.md', text: configuration(new TypeTables('configuration.md', sections)) },
  ];
}
