/** One thing that was looked at. */
export type Health = 'ok' | 'warn' | 'fail';

export interface Check {
  readonly name: string;
  readonly state: Health;
  readonly found: string;
  /** What to do about it. */
  readonly fix: string | null;
}

export const ok = (name: string, found: string): Check => ({ name, state: 'ok', found, fix: null });
export const warn = (name: string, found: string, fix: string): Check => ({ name, state: 'warn', found, fix });
export const fail = (name: string, found: string, fix: string): Check => ({ name, state: 'fail', found, fix });

export const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
