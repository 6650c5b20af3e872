/** The command table as the shells' scripts need it. */
import type { Command, Completion, Flag } from '../command.ts';

export interface ShellOption {
  readonly names: readonly string[];
  readonly summary: string;
  readonly takesValue: boolean;
  readonly completion: Completion | null;
}

export interface ShellCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly ShellOption[];
  readonly argument: Completion | null;
}

const help: ShellOption = { names: ['-h', '--help'], summary: 'how it is used', takesValue: false, completion: null };

export function shellCommands(commands: readonly Command[]): ShellCommand[] {
  return commands.map(({ name, summary, flags }) => {
    const all = [...flags.values()];
    return {
      name,
      summary,
      options: [...all.filter(({ kind }) => kind === 'option').map(shellOption), help],
      argument: all.find(({ kind }) => kind === 'argument')?.completion ?? null,
    };
  });
}

function shellOption({ flags, summary, completion }: Flag): ShellOption {
  return {
    names: [...flags.matchAll(/(?:^|\s)(?<name>--?[a-z-]+)/g)].map(({ groups }) => groups?.['name'] ?? ''),
    summary,
    takesValue: flags.includes('<'),
    completion: completion ?? null,
  };
}

/** First words: commands, and groups of commands once. */
export function firstWords(
  commands: readonly ShellCommand[],
): { word: string; summary: string; members: ShellCommand[] }[] {
  const words = new Map<string, { word: string; summary: string; members: ShellCommand[] }>();
  for (const command of commands) {
    const [word = '', member] = command.name.split(' ');
    const entry = words.get(word) ?? { word, summary: command.summary, members: [] };
    if (member !== undefined) {
      entry.members.push(command);
      entry.summary = entry.members.map(({ name }) => name.split(' ')[1] ?? '').join(', ');
    }
    words.set(word, entry);
  }
  return [...words.values()];
}
