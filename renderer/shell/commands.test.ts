import { expect, it } from 'vitest';
import { type Command, findCommands } from './commands.ts';

const commands: Command[] = ['Go to Dashboard', 'Go to Jobs', 'Start providing', 'Theme: Dark'].map((title) => ({
  id: title,
  title,
  run: () => {},
}));
const titles = (typed: string) => findCommands(commands, typed).map(({ title }) => title);

it('finds by words in any order, then by letters', () => {
  expect(titles('')).toHaveLength(4);
  expect(titles('jobs go')).toEqual(['Go to Jobs']);
  expect(titles('thmdk')).toEqual(['Theme: Dark']);
  expect(titles('zzz')).toEqual([]);
  expect(titles('da')[0]).toBe('Go to Dashboard');
});
