/** Why did a container end, or not begin? */
import { messageOf } from '../fault.ts';
import { type Failure, failureOfEnd } from '../runner/failure.ts';
import { isEngineGone, statusOf } from './engine-call.ts';

/** `State` of a container that has ended. */
export interface ContainerEnd {
  readonly exitCode: number;
  /** Something in it was ended for memory: the runner, or a child of it, perhaps long ago. */
  readonly oomKilled: boolean;
  /** The engine's own words, where it has any. */
  readonly error: string;
}

const killedCode = 137;
const signals: Readonly<Record<number, string>> = {
  132: 'SIGILL',
  134: 'SIGABRT',
  [killedCode]: 'SIGKILL',
  139: 'SIGSEGV',
};

export function failureOfContainer({ exitCode, oomKilled, error }: ContainerEnd, lastWords: string): Failure {
  const signal = signals[exitCode];
  const how = signal === undefined ? `with exit code ${exitCode}` : `by ${signal}`;
  // The kernel ends for memory by SIGKILL: a runner that ended otherwise had only lost a child by it.
  const ranOut = oomKilled && exitCode === killedCode;
  const notes = [error, oomKilled && !ranOut ? 'a process of it was ended for memory before' : ''].filter(
    (note) => note !== '',
  );
  return failureOfEnd(notes.length === 0 ? how : `${how} (${notes.join('; ')})`, ranOut, lastWords);
}

/** As when the whole provider dies: nothing was wrong with the runner or its work. */
export const engineGone: Failure = {
  code: 'internal',
  message: 'the container engine went away while the runner worked',
};

/** What a refused or failed call to make or start a container means. */
export function failureOfStart(error: unknown, templateName: string): Failure {
  const text = messageOf(error).trim();
  if (isEngineGone(error)) {
    return { code: 'no-capacity', message: `the container engine does not answer: ${text}` };
  }
  if (/no space left on device|disk quota exceeded/i.test(text)) {
    return { code: 'no-capacity', message: `the container engine’s disk is full: ${text}` };
  }
  if (statusOf(error) === 404 && /no such image/i.test(text)) {
    return { code: 'template-missing', message: imageMissing(templateName) };
  }
  return { code: 'container', message: `no container could be started: ${text}` };
}

export const imageMissing = (templateName: string): string =>
  `no image of ${templateName} is on this computer; \`infernet-desktop templates build ${templateName}\` makes it`;
