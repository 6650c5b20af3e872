/** What to do about what a node finds wrong: the node says what, and each kind has its remedy here. */
import { type Check, fail, warn } from './check.ts';

export const setClock = 'set the clock by network time (timedatectl set-ntp true)';

interface Remedy {
  readonly is: RegExp;
  readonly name: string;
  readonly fix: string;
  /** The node still runs jobs. */
  readonly isMild?: boolean;
}

const remedies: readonly Remedy[] = [
  { is: /^clock:/, name: 'clock', fix: setClock },
  {
    is: /^hardware:/,
    name: 'hardware',
    fix: 'start the node again, which looks again; until then it offers itself without what was not found',
    isMild: true,
  },
  {
    is: /^model folder /,
    name: 'models',
    fix: 'create that folder, readable by the node, or take it out of execution.modelFolders',
  },
  {
    is: /^model /,
    name: 'models',
    fix: 'copy the file again to that place, or delete it, and start the node again',
  },
  {
    is: /^template folder /,
    name: 'templates',
    fix: 'create that folder, readable by the node, or take it out of execution.templateFolders',
  },
  {
    is: /^template /,
    name: 'templates',
    fix: 'restore that folder from the release, or take the one around it out of execution.templateFolders',
  },
];

const otherwise: Remedy = {
  is: /(?:)/,
  name: 'fault',
  fix: 'set right what it names, and start the node again, which looks again',
};

export function faultChecks(faults: readonly string[]): Check[] {
  return faults.map((fault) => {
    const { name, fix, isMild } = remedies.find(({ is }) => is.test(fault)) ?? otherwise;
    return (isMild === true ? warn : fail)(name, fault, fix);
  });
}

/** A template that does not run here, while others may. */
export function templateCheck(template: string, reason: string): Check {
  const isForModel = /model/.test(reason);
  const isForEngine = /container|docker|engine|image/i.test(reason);
  const fix = isForModel
    ? 'put a model file (GGUF) that it can run into a folder of execution.modelFolders, or serve one by provider.models, and start the node again'
    : isForEngine
      ? 'install and start a container engine that this user may use (group docker), and start the node again'
      : 'restore the folder of the template from the release and start the node again';
  return warn(`template ${template}`, reason, `${fix}; it can also be left out by provider.templates`);
}
