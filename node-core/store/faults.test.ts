import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { StoreError, type StoreErrorKind } from './errors.ts';
import { faultOf } from './faults.ts';

const withCode = (code: string): Error => Object.assign(new Error('it broke'), { code });

test.each<[string, StoreErrorKind]>([
  ['SQLITE_FULL', 'full'],
  ['ENOSPC', 'full'],
  ['SQLITE_READONLY_DBMOVED', 'read-only'],
  ['EACCES', 'read-only'],
  ['SQLITE_CORRUPT_INDEX', 'corrupt'],
  ['SQLITE_NOTADB', 'corrupt'],
  ['SQLITE_BUSY', 'locked'],
  ['SQLITE_IOERR_FSYNC', 'io'],
  ['', 'io'],
])('%s becomes %s, and the message says what failed, where, and what to do', (code, kind) => {
  const folder = tmpdir();
  const fault = faultOf(withCode(code), 'Appending to the log', folder);
  expect(fault.kind).toBe(kind);
  expect(fault.message).toMatch(/^Appending to the log failed: it broke/);
  expect(fault.message).toContain(code);
  expect(fault.message).toContain(folder);
});

test('what already says so is passed on as it is', () => {
  expect(faultOf(new StoreError('newer', 'update'), 'Opening', '/x')).toEqual({ kind: 'newer', message: 'update' });
});
