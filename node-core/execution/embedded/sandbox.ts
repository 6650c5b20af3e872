/**
 * How a runner is started: Node's permission model, an empty environment, a process group of its own.
 *
 * **This is not isolation.** It keeps our own runners, should one be tricked by a model or an input, from reading the
 * user's files and from starting programs. It does not keep them from the network (Node 24 has no permission for it),
 * and native code (llama.cpp) is under none of it. Arbitrary programs need Docker.
 */
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modulesAbove } from '../modules-above.ts';
import type { LoadedTemplate } from '../templates/load-templates.ts';

export interface Launch {
  readonly nodeBinary: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface LaunchOptions {
  readonly nodeBinary: string;
  readonly env: Readonly<Record<string, string>>;
  readonly modulesFolder: string | null;
}

/** What node-llama-cpp looks at to choose its build of llama.cpp: names of C libraries, CPU and distribution. */
const linuxReads = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/proc/cpuinfo', '/etc/os-release'];
/** Without the first two a program on Windows cannot even open its own libraries; the last one is for benchmarks. */
const inherited = ['SystemRoot', 'windir', 'INFERNET_TOKENS_PER_SECOND_MAX'];

/** @param modelPath null for a template without a model, which then gets no native code either. */
export function launchOf(template: LoadedTemplate, modelPath: string | null, options: LaunchOptions): Launch {
  const reads = [...template.files];
  const env: Record<string, string> = { ...options.env };
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  if (modelPath !== null) {
    // Templates of a packed app, and those of users, may lie outside of what has it: then this program's own counts.
    const modules =
      options.modulesFolder ??
      modulesAbove(dirname(template.runnerPath)) ??
      modulesAbove(dirname(fileURLToPath(import.meta.url)));
    if (modules !== null) {
      reads.push(modules, realpathSync(modules));
      env['INFERNET_NODE_MODULES'] = modules;
    }
    reads.push(modelPath, realpathSync(modelPath));
    if (process.platform === 'linux') reads.push(...linuxReads);
  }
  return {
    nodeBinary: options.nodeBinary,
    cwd: dirname(template.runnerPath),
    env,
    args: [
      '--permission',
      ...new Set(reads.map((path) => `--allow-fs-read=${path}`)),
      ...(modelPath === null ? [] : ['--allow-addons']),
      `--max-old-space-size=${template.template.resources.memoryMiB}`,
      '--no-warnings',
      template.runnerPath,
    ],
  };
}
