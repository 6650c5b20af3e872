import type { Command } from '../command.ts';
import { firstWords, type ShellCommand, shellCommands } from './model.ts';

export function fishScript(commands: readonly Command[]): string {
  const all = shellCommands(commands);
  const first = firstWords(all);
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
    ...all.flatMap(optionLines),
  ];
  return `${lines.join('\n')}\n`;
}

function optionLines({ name, options, argument }: ShellCommand): string[] {
  const condition = quoted(
    name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and '),
  );
  const start = `complete -c infernet-desktop -n ${condition}`;
  const offers = (completion: ShellCommand['argument']) =>
    completion === 'file'
      ? ' -F'
      : completion === 'folder'
        ? ` -a '(__fish_complete_directories)'`
        : completion === null
          ? ''
          : ` -a ${quoted(completion.join(' '))}`;
  return [
    ...options.map(({ names, summary, takesValue, completion }) => {
      const flags = names.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      return `${start} ${flags.join(' ')}${takesValue ? ` -r${offers(completion)}` : ''} -d ${quoted(summary)}`;
    }),
    ...(argument === null ? [] : [`${start}${offers(argument)}`]),
  ];
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
