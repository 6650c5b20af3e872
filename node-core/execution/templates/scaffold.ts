/** A new template: small, whole, and such that it passes its own test at once. Its author changes it from there. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TemplateManifest } from '../../protocol/index.ts';
import { systemCodeOf } from '../fault.ts';

/** Shared by the shipped templates; a new one gets copies of its own, so that it does not change with them. */
const shared = ['serve.mjs', 'token-stream.mjs'];

const runner = `/** Counts words. Input, parameters and output: the schemas in template.json. */
import { RunnerError, serve } from './lib/serve.mjs';

serve({
  // Called once, before any job: load here what is slow to load. \`request.model\` is the path of the model, where one is needed.
  load: async (request) => ({ threads: request.threads }),
  // One item of a job. It depends on its input and the parameters only, so that another computer gives the same output.
  async runItem(engine, params, input, item) {
    if (item.signal.aborted) throw new RunnerError('cancelled', 'cancelled');
    const words = input.text.split(/\\s+/u).filter((word) => word.length >= (params.lettersMin ?? 1));
    return { output: { words: words.length }, tokens: words.length };
  },
});
`;

const dockerfileOf = (
  name: string,
): string => `# Built by \`infernet-desktop templates build ${name}\`, from the files that template.json names and nothing else.
ARG BASE
FROM \${BASE}
COPY ${name} /templates/${name}
USER 65534:65534
WORKDIR /templates/${name}
ENTRYPOINT ["node", "runner.mjs"]
`;

const readmeOf = (name: string): string => `# ${name}

Counts the words of a text.

- **input** \`{text}\`.
- **params** \`lettersMin\` (1): shorter words do not count.
- **output** \`{words}\`.

**Verifier** \`exact\`, and honest computers never differ.

\`infernet-desktop templates test ${name} --folder <the folder above this one>\` runs sample.json and compares with expected.json;
with \`--update\` it writes expected.json.
`;

function manifestOf(name: string): TemplateManifest {
  return TemplateManifest.parse({
    name,
    version: '1.0.0',
    title: 'Word count',
    description: 'Counts the words of a text.',
    verifier: 'exact',
    honestDisagreementPpm: 0,
    streaming: false,
    stateless: true,
    runner: 'runner.mjs',
    files: [...shared.map((file) => `lib/${file}`), 'Dockerfile', 'sample.json'],
    needsModel: false,
    resources: { memoryMiB: 128, timeoutMs: 60_000, outputBytesMax: 65_536 },
    params: {
      type: 'object',
      additionalProperties: false,
      properties: { lettersMin: { type: 'integer', minimum: 1, maximum: 100, default: 1 } },
    },
    input: {
      type: 'object',
      additionalProperties: false,
      required: ['text'],
      properties: { text: { type: 'string', maxLength: 65_536 } },
    },
    output: {
      type: 'object',
      additionalProperties: false,
      required: ['words'],
      properties: { words: { type: 'integer', minimum: 0 } },
    },
  });
}

export class TemplateExistsError extends Error {
  override readonly name = 'TemplateExistsError';
}

/**
 * @param parent folder in which the template's own is made.
 * @param shipped folder of the shipped templates.
 * @returns the new folder. @throws TemplateExistsError
 */
export async function scaffoldTemplate(parent: string, name: string, shipped: string): Promise<string> {
  const folder = join(parent, name);
  await mkdir(parent, { recursive: true });
  try {
    await mkdir(folder);
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
    throw new TemplateExistsError(`${folder} is there already`, { cause: error });
  }
  await mkdir(join(folder, 'lib'));
  for (const file of shared) await cp(join(shipped, 'lib', file), join(folder, 'lib', file));
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const files = {
    'template.json': json(manifestOf(name)),
    'runner.mjs': runner,
    'sample.json': json({ params: { lettersMin: 2 }, inputs: [{ text: 'What is a shard?' }, { text: '' }] }),
    'expected.json': json({ model: null, outputs: [{ words: 3 }, { words: 0 }] }),
    Dockerfile: dockerfileOf(name),
    'README.md': readmeOf(name),
  };
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text, { flag: 'wx' });
  return folder;
}
