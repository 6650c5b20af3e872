/** Mermaid diagrams. GitHub, VS Code and Obsidian draw them; as text they can still be read. */
import { isMessageType } from '../../node-core/protocol/index.ts';

type Table = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

/** State diagram of a transition table, whose first state is the start. */
export function stateDiagram(table: Table): string {
  const lines = ['stateDiagram-v2'];
  const states = Object.keys(table);
  const [start] = states;
  if (start !== undefined) lines.push(`  [*] --> ${start}`);
  for (const state of states) {
    const exits = Object.entries(table[state] ?? {});
    for (const [event, to] of exits) if (to !== undefined) lines.push(`  ${state} --> ${to}: ${event}`);
    if (exits.length === 0) lines.push(`  ${state} --> [*]`);
  }
  return fence(lines.join('\n'));
}

/**
 * Sequence diagram. Each arrow's text begins with a message type, or with a capital letter where it is no message.
 * @throws Error for a message that does not exist: diagrams are drawn by hand, and types are renamed.
 */
export function sequence(text: string): string {
  for (const [, label = ''] of text.matchAll(/->>[^:]+: (\S+)/g)) {
    const type = label.replace(/[{,].*$/, '');
    if (!/^[A-Z]/.test(type) && !isMessageType(type))
      throw new Error(`a sequence diagram shows ${type}, which is no message`);
  }
  const lines = text.trim().split('\n');
  return fence(['sequenceDiagram', ...lines.map((line) => `  ${line.trimEnd()}`)].join('\n'));
}

function fence(text: string): string {
  return `\`\`\`mermaid\n${text}\n\`\`\``;
}
