import type { Command, Completion } from '../command.ts';
import { firstWords, shellCommands } from './model.ts';

/** For bash 4 and newer, without the package bash-completion. */
export function bashScript(commands: readonly Command[]): string {
  const all = shellCommands(commands);
  const first = firstWords(all);
  const groups = first.filter(({ members }) => members.length > 0);
  const values = all.flatMap(({ name, options }) =>
    options.flatMap(({ names, takesValue, completion }) =>
      takesValue
        ? [`    ${names.map((option) => `'${name}|${option}'`).join('|')}) ${offer(completion)}; return ;;`]
        : [],
    ),
  );
  const words = all.map(
    ({ name, options, argument }) =>
      `    '${name}')
      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W '${options.flatMap(({ names }) => names).join(' ')}' -- "$cur"))
      else ${offer(argument)}; fi ;;`,
  );
  return `# bash completion of infernet-desktop; made by: infernet-desktop completion bash
_infernet_desktop() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W '${first.map(({ word }) => word).join(' ')} --headless --help --version' -- "$cur"))
    return
  fi
  case $command in
${groups
  .map(
    ({ word, members }) => `    ${word})
      if (( COMP_CWORD == 2 )); then
        COMPREPLY=($(compgen -W '${members.map(({ name }) => name.split(' ')[1]).join(' ')}' -- "$cur"))
        return
      fi
      command="$command \${COMP_WORDS[2]}" ;;`,
  )
  .join('\n')}
  esac
  case "$command|$prev" in
${values.join('\n')}
  esac
  case $command in
${words.join('\n')}
  esac
}
complete -F _infernet_desktop infernet-desktop
`;
}

function offer(completion: Completion | null): string {
  if (completion === null) return ':';
  if (completion === 'file') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))';
  if (completion === 'folder') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur"))';
  return `COMPREPLY=($(compgen -W '${completion.join(' ')}' -- "$cur"))`;
}
