/** Reads events back from their text, each text once: thirty nodes log much the same of each other, and all is replayed. */
import { type NodeEvent, parseEvent } from '../protocol/index.ts';

export class EventReader {
  readonly #known = new Map<string, NodeEvent>();

  /** Who reads the same text gets the same event, and cannot change it. @throws z.ZodError */
  read(text: string): NodeEvent {
    let event = this.#known.get(text);
    if (event === undefined) {
      event = parseEvent(JSON.parse(text));
      freeze(event);
      this.#known.set(text, event);
    }
    return event;
  }
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const field of Object.values(value)) freeze(field);
}
