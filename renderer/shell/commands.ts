/** What the command palette can do, found by the letters that are typed. */

export interface Command {
  readonly id: string;
  readonly title: string;
  readonly hint?: string;
  run(): void;
}

/**
 * Those whose title has all typed words, or else all typed letters in order; words that begin the title first.
 * @param typed may be empty: then all of them.
 */
export function findCommands(commands: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...commands];
  const rank = ({ title, hint = '' }: Command): number => {
    const text = `${title} ${hint}`.toLowerCase();
    if (words.every((word) => text.includes(word))) return text.startsWith(words[0] ?? '') ? 0 : 1;
    return hasLetters(title.toLowerCase(), words.join('')) ? 2 : 3;
  };
  return commands
    .map((command, index) => ({ command, index, rank: rank(command) }))
    .filter((found) => found.rank < 3)
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ command }) => command);
}

function hasLetters(text: string, letters: string): boolean {
  let from = 0;
  for (const letter of letters) {
    const at = text.indexOf(letter, from);
    if (at === -1) return false;
    from = at + 1;
  }
  return true;
}
