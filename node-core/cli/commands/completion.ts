import { argument, type Command, defineCommand } from '../command.ts';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { zshScript } from '../completion/zsh.ts';
import { choice } from '../values.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** @param all the table that this command itself stands in. */
export const completion = (all: () => readonly Command[]) =>
  defineCommand({
    name: 'completion',
    summary: 'Print what a shell needs to complete these commands.',
    detail:
      'fish: put it into ~/.config/fish/completions/infernet-desktop.fish. zsh: into a folder of $fpath, as _infernet-desktop.',
    shape: { shell: argument('<shell>', shells.join(', '), choice(shells), shells) },
    examples: [{ line: 'completion bash >> ~/.bashrc', says: 'for each new shell' }],
    async run(context, { shell }) {
      context.out.write(scripts[shell](all()));
      return 'ok';
    },
  });
