import type { Command, Completion } from '../command.ts';
import { firstWords, type ShellCommand, type ShellOption, shellCommands } from './model.ts';

export function zshScript(commands: readonly Command[]): string {
  const first = firstWords(shellCommands(commands));
  const describe = (entries: ReadonlyArray<{ word: string; summary: string }>) =>
    entries.map(({ word, summary }) => quoted(`${word}:${summary.replaceAll(':', '\\:')}`)).join(' ');
  const all = shellCommands(commands);
  return `#compdef infernet-desktop
# zsh completion of infernet-desktop; made by: infernet-desktop completion zsh
_infernet-desktop() {
  local -a entries
  if (( CURRENT == 2 )); then
    entries=(${describe([...first, { word: '--headless', summary: 'run a node without a window' }])})
    _describe command entries
    return
  fi
  local command=$words[2]
  case $command in
${first
  .filter(({ members }) => members.length > 0)
  .map(
    ({ word, members }) => `    ${word})
      if (( CURRENT == 3 )); then
        entries=(${describe(members.map(({ name, summary }) => ({ word: name.split(' ')[1] ?? '', summary })))})
        _describe command entries
        return
      fi
      command="$command $words[3]"
      shift words
      (( CURRENT-- )) ;;`,
  )
  .join('\n')}
  esac
  shift words
  (( CURRENT-- ))
  case $command in
${all.map(caseOf).join('\n')}
  esac
}
compdef _infernet-desktop infernet-desktop
`;
}

function caseOf({ name, options, argument }: ShellCommand): string {
  const specs = [
    ...options.flatMap(optionSpecs),
    ...(argument === null ? [] : [quoted(`*:value:${action(argument)}`)]),
  ];
  return `    '${name}') _arguments ${specs.join(' ')} ;;`;
}

function optionSpecs({ names, summary, takesValue, completion }: ShellOption): string[] {
  const text = summary.replaceAll(/[[\]:\\]/g, '\\$&');
  return names.map((name) => quoted(`${name}[${text}]${takesValue ? `:value:${action(completion)}` : ''}`));
}

function action(completion: Completion | null): string {
  if (completion === null) return ' ';
  if (completion === 'file') return '_files';
  return completion === 'folder' ? '_files -/' : `(${completion.join(' ')})`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
