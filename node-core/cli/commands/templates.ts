/** Templates of this computer: what there is, their images, their conformance, and new ones. None of these needs a node. */
import { resolve } from 'node:path';
import type { LoadedTemplate } from '../../adapters.ts';
import type { NodeConfig } from '../../config/index.ts';
import { createLogger } from '../../logging.ts';
import { pinnedImage, z } from '../../protocol/index.ts';
import { argument, defineCommand, option, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { lookCache } from '../look-cache.ts';
import { tableLines } from '../text/table.ts';
import { plain, type Style } from '../text/terminal.ts';
import { choice, configFile, data, json, text } from '../values.ts';
import { configInForce } from './config.ts';

const places = ['embedded', 'docker'] as const;
type Place = (typeof places)[number];

const styles: Readonly<Record<string, Style>> = { passed: 'green', failed: 'red', skipped: 'yellow' };

const folderOption = () =>
  option('-f, --folder <folder>', 'a further folder with templates in it', text().optional(), 'folder');
const templateArgument = () => argument('[template]', 'its name; all where left out', text(64).optional());

export const templatesList = defineCommand({
  name: 'templates list',
  summary: 'Templates on this computer, and where each can run.',
  shape: { folder: folderOption(), json: json(), config: configFile(), data: data() },
  examples: [{ line: 'templates list', says: 'with the reason where one cannot run in a process or in a container' }],
  async run(context, { folder, json: asJson }) {
    const own = await ownTemplates(context, folder);
    try {
      const found = await Promise.all(places.map(async (place) => (await own.start(place)).inventory));
      const rows = own.loaded.map(({ template }) => ({
        name: template.name,
        version: template.version,
        id: template.id,
        runs: Object.fromEntries(
          places.map((place, i) => {
            const runnable = found[i]?.templates.find((one) => one.template.id === template.id)?.runnable;
            return [
              place,
              runnable?.ok === false ? runnable.reason : runnable === undefined ? 'it is not known' : null,
            ];
          }),
        ),
      }));
      answer(context, asJson, { templates: rows, faults: own.faults }, () => [
        ...tableLines(
          context.out,
          [{ title: 'template' }, { title: 'version' }, ...places.map((title) => ({ title })), { title: 'id' }],
          rows.map(({ name, version, runs, id }) => [
            name,
            version,
            ...places.map((place) => (runs[place] === null ? 'yes' : 'no')),
            id,
          ]),
        ),
        ...rows.flatMap(({ name, runs }) =>
          places.flatMap((place) =>
            runs[place] ? [`${name} does not run in ${nameOf(place)}: ${plain(runs[place])}`] : [],
          ),
        ),
        ...own.faults.map(plain),
      ]);
      return 'ok';
    } finally {
      await own.close();
    }
  },
});

export const templatesBuild = defineCommand({
  name: 'templates build',
  summary: 'Build the images that containers of templates run.',
  detail:
    'Without --base, the image that they build on is made of this computer’s own Node, llama.cpp and, for `ocr`, Debian’s Tesseract; that needs Linux. Build again when a template has changed.',
  shape: {
    template: templateArgument(),
    base: option(
      '--base <image>',
      'build on this image: name@sha256:… or sha256:…',
      z.string().max(512).regex(pinnedImage, 'expected an image by its digest or id, not by a tag').optional(),
    ),
    folder: folderOption(),
    json: json(),
    config: configFile(),
    data: data(),
  },
  examples: [
    { line: 'templates build', says: 'all of them' },
    { line: 'templates build ocr', says: 'one; fetches Debian’s packages of Tesseract' },
  ],
  async run(context, { template, base, folder, json: asJson }) {
    const own = await ownTemplates(context, folder);
    try {
      const { err } = context;
      const images = await own
        .build(named(own, template), base ?? null, (name, line) => {
          if (!asJson) err.say(err.paint('dim', `${name}: ${plain(line)}`));
        })
        .catch((error: unknown) => {
          throw new CliError('refused', error instanceof Error ? error.message : String(error), { cause: error });
        });
      answer(context, asJson, { images }, () =>
        images.map(({ template: name, image, fault }) =>
          image === null
            ? `${context.out.paint('red', 'failed')}  ${name}: ${plain(fault ?? '')}`
            : `${context.out.paint('green', 'built')}   ${name}: ${image}`,
        ),
      );
      return images.every(({ image }) => image !== null) ? 'ok' : 'failed';
    } finally {
      await own.close();
    }
  },
});

export const templatesTest = defineCommand({
  name: 'templates test',
  summary: 'Run the samples of templates, and compare with what their authors expect.',
  detail:
    'Each in a process and in a container, as far as it can run there; compared by the template’s own verifier. Exit code 1 where something differs, or nothing could be tested.',
  shape: {
    template: templateArgument(),
    in: option('--in <place>', 'only there: embedded or docker', choice(places).optional(), places),
    update: toggle('--update', 'write what comes out as what is expected (expected.json)'),
    folder: folderOption(),
    json: json(),
    config: configFile(),
    data: data(),
  },
  examples: [
    { line: 'templates test', says: 'all, before a computer provides' },
    { line: 'templates test word-count --folder . --update', says: 'after a change that was meant' },
  ],
  check: ({ update, in: place, template }) =>
    update && (place === undefined || template === undefined)
      ? '--update goes with one template and --in: it writes what that one place gives'
      : null,
  async run(context, { template, in: only, update, folder, json: asJson }) {
    const own = await ownTemplates(context, folder);
    const results: { template: string; place: Place; state: string; detail: string; ms: number }[] = [];
    try {
      const wanted = named(own, template);
      for (const place of only === undefined ? places : [only]) {
        const started = await own.start(place);
        for (const loaded of wanted) {
          const startedAt = performance.now();
          const { state, detail } = await started.conformance(loaded, update);
          const ms = Math.round(performance.now() - startedAt);
          results.push({ template: loaded.template.name, place, state, detail, ms });
          const { out } = context;
          const line = `${loaded.template.name} in ${nameOf(place)}: ${plain(detail)}`;
          if (!asJson) out.say(`${out.paint(styles[state] ?? 'dim', state.padEnd(7))}  ${line}`);
        }
      }
    } finally {
      await own.close();
    }
    if (asJson) answer(context, true, { results }, () => []);
    const count = (state: string) => results.filter((one) => one.state === state).length;
    return count('failed') === 0 && count('passed') > 0 ? 'ok' : 'failed';
  },
});

export const templatesNew = defineCommand({
  name: 'templates new',
  summary: 'Begin a template: a folder that passes its own test, to be changed from there.',
  shape: {
    name: argument(
      '<name>',
      'lower-case letters, digits and dashes',
      z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and dashes'),
    ),
    folder: option(
      '-f, --folder <folder>',
      'where its folder is made; here where left out',
      text().optional(),
      'folder',
    ),
    json: json(),
    config: configFile(),
    data: data(),
  },
  examples: [{ line: 'templates new word-count', says: 'then: templates test word-count --folder .' }],
  async run(context, { name, folder, json: asJson }) {
    const { scaffoldTemplate, shippedTemplates, TemplateExistsError } = await import('../../adapters.ts');
    const parent = resolve(folder ?? '.');
    try {
      const made = await scaffoldTemplate(parent, name, shippedTemplates());
      answer(context, asJson, { folder: made }, () => [
        `${made}: change runner.mjs and template.json, then`,
        `  ${context.commandLine(`templates test ${name} --folder ${parent}`)}`,
        'A node serves it when execution.templateFolders in its configuration names the folder above it.',
      ]);
      return 'ok';
    } catch (error) {
      if (error instanceof TemplateExistsError) throw new CliError('refused', error.message, { cause: error });
      throw error;
    }
  },
});

const nameOf = (place: Place): string => (place === 'docker' ? 'a container' : 'a process');

interface OwnTemplates {
  readonly loaded: readonly LoadedTemplate[];
  readonly faults: readonly string[];
  start(place: Place): Promise<Started>;
  build(
    templates: readonly LoadedTemplate[],
    base: string | null,
    onLine: (template: string, line: string) => void,
  ): Promise<readonly { template: string; id: string; image: string | null; fault: string | null }[]>;
  /** Ends what was started. */
  close(): Promise<void>;
}

type Adapters = typeof import('../../adapters.ts');
type Inventory = Awaited<ReturnType<ReturnType<Adapters['realExecutor']>['start']>>;

interface Started {
  readonly inventory: Inventory;
  conformance(loaded: LoadedTemplate, update: boolean): Promise<{ state: string; detail: string }>;
}

function named({ loaded }: OwnTemplates, name: string | undefined): readonly LoadedTemplate[] {
  if (name === undefined) return loaded;
  const found = loaded.filter(({ template }) => template.name === name || template.id === name);
  if (found.length > 0) return found;
  const names = loaded.map(({ template }) => template.name).join(', ');
  throw new CliError('not-found', `there is no template ${name}; there are ${names}`);
}

async function ownTemplates(context: Context, folder: string | undefined): Promise<OwnTemplates> {
  const {
    builtImagesOf,
    buildTemplateImages,
    conformanceOf,
    imageOfTemplate,
    loadTemplates,
    realExecutor,
    templateFoldersOf,
  } = await import('../../adapters.ts');
  const { config: given } = await configInForce(context);
  const more = folder === undefined ? [] : [resolve(folder)];
  const config: NodeConfig = {
    ...given,
    execution: { ...given.execution, templateFolders: [...more, ...given.execution.templateFolders] },
  };
  const cache = await lookCache(config.dataFolder);
  const { log } = createLogger({ level: 'error', destination: { write: () => {} } });
  const options = { log, cacheFolder: cache.path };
  const { templates, faults } = await loadTemplates(templateFoldersOf(config));
  const endings: (() => Promise<void>)[] = [];
  return {
    loaded: templates,
    faults,
    build: (wanted, base, onLine) =>
      buildTemplateImages(config, options, { templates: wanted, base, onLine, env: context.env }),
    async start(place) {
      const there: NodeConfig = { ...config, execution: { ...config.execution, ...{ runIn: place } } };
      const executor = realExecutor(there, options);
      endings.push(() => executor.stop());
      const inventory = await executor.start();
      return {
        inventory,
        conformance: async (loaded, update) => {
          const image =
            loaded.template.customImage === true
              ? await imageOfTemplate(loaded, context.env, builtImagesOf(config))
              : null;
          return await conformanceOf(executor, inventory, loaded, { update, ...(image !== null && { image }) });
        },
      };
    },
    async close() {
      await Promise.all(endings.map((end) => end()));
      await cache.remove();
    },
  };
}
