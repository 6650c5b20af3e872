/**
 * Reads a configuration file, YAML or JSON.
 *
 *     const config = await loadConfig({ path: 'node.yaml' });
 *
 * All that is wrong is reported at once, each with its line, what was expected, what was found, and the nearest right
 * key or value:
 *
 *     node.yaml:3:3: unknown key "lisen" in network; did you mean "listen"?
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { failedChecks } from './checks.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { explain, pathText } from './explain.ts';
import { resolvePath } from './paths.ts';
import { NodeConfig } from './schema.ts';
import type { Path } from './schema-tree.ts';
import { parseSource, type SourceText } from './source-text.ts';

const fileBytesMax = 1024 * 1024;

export type ConfigSource =
  | { readonly path: string }
  /** Relative paths in it start at `folder`. */
  | { readonly text: string; readonly name: string; readonly folder: string };

export interface LoadOptions {
  /** Where the text names none. */
  readonly dataFolder?: string;
  /** Take the place of what the text says. */
  readonly overrides?: readonly ConfigOverride[];
}

export interface ConfigOverride {
  /** As `['network', 'listen']`. */
  readonly path: readonly string[];
  readonly value: string | boolean | readonly string[];
  /** Names the option in errors: `--listen`. */
  readonly source: string;
}

/** @throws ConfigError with all problems. */
export async function loadConfig(source: ConfigSource, options: LoadOptions = {}): Promise<NodeConfig> {
  if ('text' in source) return parseConfig(source.text, source.name, source.folder, options);
  return parseConfig(await readConfigFile(source.path), source.path, dirname(resolve(source.path)), options);
}

function parseConfig(text: string, name: string, folder: string, options: LoadOptions): NodeConfig {
  const source = parseSource(text);
  if (source.faults.length > 0) {
    throw new ConfigError(
      source.faults.map(({ line, column, message }) => ({
        source: name,
        line,
        column,
        path: '',
        message: `not valid YAML or JSON: ${message}`,
      })),
    );
  }
  const overrides = options.overrides ?? [];
  const value = withOverrides(prepared(source.value, options), overrides);
  const problem = (path: Path, atKey: boolean, message: string) =>
    placed(name, source, overrides, path, atKey, message);

  const parsed = NodeConfig.safeParse(value);
  if (!parsed.success) {
    const explained = parsed.error.issues.flatMap((issue) => explain(NodeConfig, issue, value));
    throw new ConfigError(inOrder(explained.map(({ path, atKey, message }) => problem(path, atKey, message))));
  }
  const failed = failedChecks(parsed.data);
  if (failed.length > 0) {
    throw new ConfigError(inOrder(failed.map(({ path, message }) => problem(path, false, message))));
  }
  return withFullPaths(parsed.data, folder);
}

async function readConfigFile(path: string): Promise<string> {
  const problem = (message: string): ConfigProblem => ({ source: path, line: null, column: null, path: '', message });
  try {
    const { size } = await stat(path);
    if (size > fileBytesMax) {
      throw new ConfigError([problem(`expected at most ${fileBytesMax} bytes of configuration, found ${size}`)]);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([problem(`the configuration file cannot be read: ${reason}`)], { cause: error });
  }
}

/** `$schema` is for editors; an empty file is one that says nothing. */
function prepared(value: unknown, { dataFolder }: LoadOptions): unknown {
  const written = value ?? {};
  if (!isSection(written)) return written;
  const { $schema: _, ...rest } = written;
  return dataFolder === undefined ? rest : { dataFolder, ...rest };
}

function withOverrides(value: unknown, overrides: readonly ConfigOverride[]): unknown {
  let result = value;
  for (const { path, value: given } of overrides) result = withValueAt(result, path, given);
  return result;
}

function withValueAt(value: unknown, path: readonly string[], given: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return given;
  if (value !== undefined && value !== null && !isSection(value)) return value;
  const section = isSection(value) ? value : {};
  return { ...section, [key]: withValueAt(section[key], rest, given) };
}

function placed(
  name: string,
  source: SourceText,
  overrides: readonly ConfigOverride[],
  path: Path,
  atKey: boolean,
  message: string,
): ConfigProblem {
  const override = overrides.find((entry) => entry.path.every((key, index) => path[index] === key));
  if (override !== undefined) {
    return { source: override.source, line: null, column: null, path: pathText(path), message };
  }
  return { source: name, ...source.positionOf(path, atKey), path: pathText(path), message };
}

function inOrder(problems: ConfigProblem[]): ConfigProblem[] {
  return problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

function withFullPaths(config: NodeConfig, folder: string): NodeConfig {
  const full = (path: string) => resolvePath(path, folder);
  const { execution } = config;
  return {
    ...config,
    dataFolder: full(config.dataFolder),
    execution: {
      ...execution,
      templateFolders: execution.templateFolders.map(full),
      modelFolders: execution.modelFolders.map(full),
      builtImagesFile: execution.builtImagesFile === null ? null : full(execution.builtImagesFile),
      // A bare name, as `node`, is looked up by the operating system.
      nodeBinary:
        execution.nodeBinary !== null && /[/\\]/.test(execution.nodeBinary)
          ? full(execution.nodeBinary)
          : execution.nodeBinary,
    },
  };
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
