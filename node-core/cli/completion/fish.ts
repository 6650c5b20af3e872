import type { Command, Completion } from '../command.ts';
import { firstWords, type ShellCommand, shellCommands } from './model.ts';

export function fishScript(commands: readonly Command[]): string {
  const all = shellCommands(commands);
  const first = firstWords(all);
  const groups = first.filter(({ members }) => members.length > 0).map(({ word }) => word);
  const lines = [
    '# fish completion of infernet-desktop; made by: infernet-desktop completion fish',
    'complete -c infernet-desktop -f',
    `complete -c infernet-desktop -n __fish_use_subcommand -l headless -d 'run a node without a window'`,
    ...first.map(
      ({ word, summary }) => `complete -c infernet-desktop -n __fish_use_subcommand -a ${word} -d ${quoted(summary)}`,
    ),
    ...first.flatMap(({ word, members }) =>
      members.map(({ name, summary }) => {
        const member = name.split(' ')[1] ?? '';
        const others = members.map((other) => other.name.split(' ')[1]).join(' ');
        return `complete -c infernet-desktop -n '__fish_seen_subcommand_from ${word}; and not __fish_seen_subcommand_from ${others}' -a ${member} -d ${quoted(summary)}`;
      }),
    ),
    ...all.flatMap((command) => optionLines(command, groups)),
  ];
  return `${lines.join('\n')}\n`;
}

function optionLines({ name, options, argument }: ShellCommand, groups: readonly string[]): string[] {
  const words = name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  // `identity export` is not `export`.
  const alone = name.includes(' ') ? [] : [`not __fish_seen_subcommand_from ${groups.join(' ')}`];
  const start = `complete -c infernet-desktop -n ${quoted([...words, ...alone].join('; and '))}`;
  return [
    ...options.map(({ names, summary, takesValue, completion }) => {
      const flags = names.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      return `${start} ${flags.join(' ')}${takesValue ? offer(completion, '-x') : ''} -d ${quoted(summary)}`;
    }),
    ...(argument === null ? [] : [`${start}${offer(argument, '')}`]),
  ];
}

/** @param exclusive says that a value follows, and that it is no file. */
function offer(completion: Completion | null, exclusive: '-x' | ''): string {
  if (completion === 'file') return exclusive === '' ? ' -F' : ' -r -F';
  const values = completion === 'folder' ? '(__fish_complete_directories)' : (completion ?? []).join(' ');
  return `${exclusive === '' ? '' : ' -x'}${values === '' ? '' : ` -a ${quoted(values)}`}`;
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
