/** All commands, in the order in which the help lists them. */
import type { Command } from './command.ts';
import { cancel } from './commands/cancel.ts';
import { chat } from './commands/chat.ts';
import { completion } from './commands/completion.ts';
import { configCheck, configPath, configSet, configShow } from './commands/config.ts';
import { doctor } from './commands/doctor.ts';
import { exportCommand } from './commands/export.ts';
import { gpuInstall, gpuStatus } from './commands/gpu.ts';
import { identityExport, identityImport } from './commands/identity.ts';
import { job } from './commands/job.ts';
import { jobs } from './commands/jobs.ts';
import { logs } from './commands/logs.ts';
import { offers } from './commands/offers.ts';
import { pause, resume } from './commands/pause.ts';
import { peers } from './commands/peers.ts';
import { plan } from './commands/plan.ts';
import { results } from './commands/results.ts';
import { status } from './commands/status.ts';
import { submit } from './commands/submit.ts';
import { templatesBuild, templatesList, templatesNew, templatesTest } from './commands/templates.ts';
import { wallet } from './commands/wallet.ts';

export const programName = 'infernet-desktop';

export const commands: readonly Command[] = [
  submit,
  chat,
  plan,
  jobs,
  job,
  results,
  cancel,
  status,
  pause,
  resume,
  peers,
  offers,
  wallet,
  logs,
  exportCommand,
  doctor,
  templatesList,
  templatesBuild,
  templatesTest,
  templatesNew,
  gpuStatus,
  gpuInstall,
  identityExport,
  identityImport,
  configShow,
  configSet,
  configCheck,
  configPath,
  completion(() => commands),
];

export const groups: Readonly<Record<string, string>> = {
  templates: 'What this computer can run, and new templates.',
  gpu: 'Builds of llama.cpp for graphics cards.',
  identity: 'The node’s key, on paper.',
  config: 'The configuration.',
};
