import { resolve } from 'node:path';
import {
  ConfigFile,
  ConfigFileError,
  defaultConfigFile,
  defaultDataFolder,
  loadConfig,
  NodeConfig,
  parseSetting,
} from '../../config/index.ts';
import { Json, type MethodResult } from '../../protocol/index.ts';
import { argument, defineCommand, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { CliError } from '../exit-codes.ts';
import { isGone } from '../job/follow.ts';
import { pairLines } from '../text/table.ts';
import { configFile, data, json, text } from '../values.ts';

export const configShow = defineCommand({
  name: 'config show',
  summary: 'The configuration in force: of the running node, or what one would start with.',
  shape: {
    changed: toggle('--changed', 'only what differs from the defaults'),
    json: json(),
    config: configFile(),
    data: data(),
  },
  examples: [{ line: 'config show --changed', says: 'what somebody has set' }],
  async run(context, { changed, json: asJson }) {
    const { config, of } = await configInForce(context);
    const defaults = flat(NodeConfig.parse({ dataFolder: config.dataFolder }));
    const values = flat(config);
    const differs = (key: string) => key !== 'dataFolder' && values.get(key) !== defaults.get(key);
    answer(context, asJson, config, () => {
      const keys = [...values.keys()].filter((key) => !changed || differs(key));
      const { out } = context;
      context.err.say(context.err.paint('dim', `of ${of}; what is set is marked by *`));
      if (keys.length === 0) return ['everything is at its default'];
      return pairLines(
        out,
        keys.map((key) => [
          key,
          differs(key) ? `${out.paint('cyan', values.get(key) ?? '')} *` : (values.get(key) ?? ''),
        ]),
      );
    });
    return 'ok';
  },
});

export const configCheck = defineCommand({
  name: 'config check',
  summary: 'Check a configuration file: each mistake with its line and the nearest right word.',
  shape: {
    file: argument('[file]', 'YAML or JSON; the usual one where left out', text().optional(), 'file'),
    json: json(),
  },
  examples: [{ line: 'config check node.yaml', says: 'exit code 78 where something is wrong' }],
  async run(context, { file, json: asJson }) {
    const path = file ?? context.configFile();
    if (path === null)
      throw new CliError(
        'not-found',
        `there is no ${defaultConfigFile()}, so every setting is at its default; name a file to check`,
      );
    // Throws what is wrong with it.
    await loadConfig({ path }, { dataFolder: defaultDataFolder() });
    answer(context, asJson, { file: resolve(path), ok: true }, () => [`${path} is right`]);
    return 'ok';
  },
});

export const configPath = defineCommand({
  name: 'config path',
  summary: 'Where the configuration and the data of this user’s node lie.',
  shape: { json: json(), config: configFile(), data: data() },
  examples: [{ line: 'config path', says: 'shows both' }],
  async run(context, { json: asJson }) {
    const present = context.configFile();
    const dataFolder = resolve(await context.dataFolder());
    answer(
      context,
      asJson,
      { config: present ?? defaultConfigFile(), configExists: present !== null, dataFolder },
      () =>
        pairLines(context.out, [
          ['configuration', present ?? `${defaultConfigFile()} (not there: every setting is at its default)`],
          ['data folder', dataFolder],
        ]),
    );
    return 'ok';
  },
});

export const configSet = defineCommand({
  name: 'config set',
  summary: 'Change a setting: in the configuration file, and in the running node where that needs no restart.',
  detail: `Limits, lists, prices and the level of the log take effect at once; docs/configuration.md says of each setting whether it does, and the answer which need a restart. The file
keeps its comments. Lists and sections are written as in the file: [a, b], {shardMicro: "1000", itemMicro: "100"}.`,
  shape: {
    key: argument('<key>', 'as provider.queueMax; `config show` lists all', text(200)),
    value: argument('[value]', 'null where the setting allows it', text().optional()),
    default: toggle('--default', 'give it its default again, instead of a value'),
    json: json(),
    config: configFile(),
    data: data(),
  },
  examples: [
    { line: 'config set log.level debug', says: 'from now on, and after a restart' },
    { line: 'config set provider.allowedClients [12D3KooW…]', says: 'serves nobody else' },
    { line: 'config set provider.queueMax --default', says: 'takes it out of the file' },
  ],
  check: ({ value, default: asDefault }) =>
    (value === undefined) === asDefault ? null : 'give either a value or --default',
  async run(context, { key, value, json: asJson }) {
    const change =
      value === undefined ? { values: {}, reset: [key] } : { values: { [key]: parseSetting(key, value) }, reset: [] };
    const outcome = (await setInNode(context, change)) ?? (await setInFile(context, change));
    answer(context, asJson, outcome, () => {
      if (outcome.changed.includes(key)) return [`${key} is changed, at once; it stands in ${outcome.file}`];
      if (outcome.restart.includes(key))
        return [`${key} is changed in ${outcome.file}; restart the node for it to count`];
      return [`${key} was so already, in ${outcome.file}`];
    });
    return 'ok';
  },
});

type Change = { values: Record<string, Json>; reset: string[] };
type Outcome = MethodResult<'settings.set'>;

/** @returns null when no node runs. */
async function setInNode(context: Context, change: Change): Promise<Outcome | null> {
  const node = await context.connect().catch((error: unknown) => {
    if (isGone(error)) return null;
    throw error;
  });
  return (await node?.call('settings.set', change)) ?? null;
}

async function setInFile(context: Context, change: Change): Promise<Outcome> {
  const path = context.configFile() ?? defaultConfigFile();
  const file = new ConfigFile({ path, mustExist: false, dataFolder: defaultDataFolder() });
  try {
    await file.write(change);
  } catch (error) {
    if (error instanceof ConfigFileError) throw new CliError('not-allowed', error.message, { cause: error });
    throw error;
  }
  // What a node would start with: nothing is in force yet.
  return { changed: [], restart: [...Object.keys(change.values), ...change.reset], file: file.path };
}

/** Of the running node; else what a node on this folder would start with. */
export async function configInForce(context: Context): Promise<{ config: NodeConfig; of: string; running: boolean }> {
  try {
    const node = await context.connect();
    const { config } = await node.call('settings.get', {});
    return { config: NodeConfig.parse(config), of: 'the running node', running: true };
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  const path = context.configFile();
  const dataFolder = resolve(await context.dataFolder());
  const overrides = [{ path: ['dataFolder'], value: dataFolder, source: '--data' }];
  const source = path === null ? { text: '', name: 'the command line', folder: process.cwd() } : { path };
  const config = await loadConfig(source, { dataFolder, overrides });
  return { config, of: path ?? 'the defaults; no node runs', running: false };
}

function flat(config: NodeConfig): Map<string, string> {
  const values = new Map<string, string>();
  const walk = (value: Json, path: string) => {
    const isSection =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    if (!isSection) values.set(path, typeof value === 'string' ? value : JSON.stringify(value));
    else for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`);
  };
  walk(Json.parse(JSON.parse(JSON.stringify(config))), '');
  return values;
}
