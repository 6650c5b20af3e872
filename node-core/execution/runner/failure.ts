import { FailureCode } from '../../protocol/index.ts';

/** How a run ended without outputs; a part of the port's RunOutcome. */
export interface Failure {
  readonly code: FailureCode | 'cancelled';
  readonly message: string;
}

const messageCharsMax = 1000;

/** From a runner's `error`: a code that the protocol does not know says nothing to others, so it becomes `container`. */
export function failureFrom(code: string, message: string): Failure {
  const text = message.slice(0, messageCharsMax);
  if (code === 'cancelled') return { code, message: text };
  const known = FailureCode.safeParse(code);
  return { code: known.success ? known.data : 'container', message: text };
}
