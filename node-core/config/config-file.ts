/**
 * The configuration's file over the life of a node: read at the start and on SIGHUP, changed by `settings.set`.
 *
 *     const file = new ConfigFile({ path: '/etc/infernet/node.yaml', mustExist: true });
 *     const config = await file.read();
 *     const next = await file.write({ values: { 'provider.queueMax': 20 }, reset: [] });
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Json } from '../protocol/index.ts';
import { ConfigError } from './config-error.ts';
import { editText, type TextChange } from './edit-text.ts';
import { type LoadOptions, loadConfig } from './load.ts';
import type { NodeConfig } from './schema.ts';

export interface ConfigFileOptions extends LoadOptions {
  readonly path: string;
  /** It was named by somebody; else it is the usual one, and may be missing. */
  readonly mustExist: boolean;
}

export interface SettingsChange {
  /** By path, as `provider.queueMax`. */
  readonly values: Readonly<Record<string, Json>>;
  /** Paths that get their defaults again. */
  readonly reset: readonly string[];
}

/** The file, or its folder, cannot be written to. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError';
}

export class ConfigFile {
  readonly path: string;
  readonly #o: ConfigFileOptions;
  /** One change after the other: each reads what the one before has written. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigFileOptions) {
    this.#o = options;
    this.path = resolve(options.path);
  }

  /** @throws ConfigError */
  read(): Promise<NodeConfig> {
    if (!this.#o.mustExist && !existsSync(this.path))
      return loadConfig({ text: '', name: 'the command line', folder: process.cwd() }, this.#o);
    return loadConfig({ path: this.#o.path }, this.#o);
  }

  /**
   * Checks the whole as it would stand there, then puts it in the file's place: all of it, or nothing.
   * @throws ConfigError, ConfigFileError
   */
  write(change: SettingsChange): Promise<NodeConfig> {
    const written = this.#last.then(() => this.#write(change));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #write({ values, reset }: SettingsChange): Promise<NodeConfig> {
    const changes: TextChange[] = [
      ...reset.map((path) => ({ path: path.split('.'), value: undefined })),
      ...Object.entries(values).map(([path, value]) => ({ path: path.split('.'), value })),
    ];
    this.#refuseOverridden(changes);
    const before = await this.#text();
    const text = editText(before, changes);
    const config = await loadConfig({ text, name: this.path, folder: dirname(this.path) }, this.#o);
    if (text !== before) await this.#replace(text);
    return config;
  }

  /** What the command line says goes before the file: a change there would have no effect. */
  #refuseOverridden(changes: readonly TextChange[]): void {
    for (const { path } of changes) {
      const override = this.#o.overrides?.find(({ path: other }) =>
        other.every((key, index) => (path[index] ?? key) === key),
      );
      if (override === undefined) continue;
      const name = path.join('.');
      const message = `${name}: it was given on the command line (${override.source}), which goes before the file; start the node without it first`;
      throw new ConfigError([{ source: override.source, line: null, column: null, path: name, message }]);
    }
  }

  async #text(): Promise<string> {
    if (!existsSync(this.path)) return '';
    // Parsed by its schema after the change.
    return readFile(this.path, 'utf8');
  }

  async #replace(text: string): Promise<void> {
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      const target = existsSync(this.path) ? await realpath(this.path) : this.path;
      const mode = existsSync(target) ? (await stat(target)).mode & 0o777 : 0o600;
      const part = `${target}.${process.pid}.part`;
      try {
        const handle = await open(part, 'w', mode);
        try {
          await handle.writeFile(text);
          await handle.sync();
        } finally {
          await handle.close();
        }
        // The process's mask may have taken something away.
        await chmod(part, mode);
        await rename(part, target);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigFileError(
        `the configuration file ${this.path} cannot be written: ${reason}. Change it by hand, as who may; the node reads it again on SIGHUP (systemctl reload infernet)`,
        { cause: error },
      );
    }
  }
}
