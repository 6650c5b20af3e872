import { describe, expect, it } from 'vitest';
import { createLogger, type LogLevel } from './logging.ts';

function collector(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const { log } = createLogger({ level, destination: { write: (line) => void lines.push(line) } });
  return { log, lines };
}

/** Hands the logger what its types forbid: the test is for what comes past the types. */
function log(fields: object): string {
  const { log, lines } = collector();
  Reflect.apply(log.info, log, [fields, 'happened']);
  return lines.join('');
}

describe('logger', () => {
  it('follows its level', () => {
    const lines: string[] = [];
    const { log, setLevel } = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
    log.debug({}, 'one');
    setLevel('debug');
    log.debug({}, 'two');
    setLevel('error');
    log.warn({}, 'three');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['two']);
  });

  it('writes one JSON object a line, with level and ISO time', () => {
    const { log, lines } = collector();
    log.warn({ peerId: '12D3KooW', running: 2, addresses: ['/ip4/127.0.0.1'] }, 'slow');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/\n$/);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      peerId: '12D3KooW',
      running: 2,
      addresses: ['/ip4/127.0.0.1'],
      msg: 'slow',
    });
  });

  it('keeps to its level', () => {
    const { log, lines } = collector('warn');
    log.info({}, 'no');
    log.error({}, 'yes');
    expect(lines).toHaveLength(1);
  });

  it('never lets out a secret or a payload', () => {
    const secret = 'correct horse battery staple';
    const bytes = new TextEncoder().encode(secret);
    const names = [
      'token',
      'ownerToken',
      'owner_token',
      'secret',
      'seed',
      'phrase',
      'recoveryPhrase',
      'mnemonic',
      'password',
    ];
    const payloads = [
      'prompt',
      'prompts',
      'systemPrompt',
      'inputs',
      'outputs',
      'input',
      'output',
      'text',
      'messages',
      'content',
    ];
    for (const key of [...names, ...payloads, 'AUTHORIZATION', 'privateKey', 'salt']) {
      for (const value of [secret, [secret], { inner: secret }, [[{ deep: secret }]], bytes]) {
        for (const fields of [{ [key]: value }, { a: { b: [{ [key]: value }] } }]) {
          const line = log(fields);
          expect(line, key).not.toContain('horse');
          expect(line, key).toContain('[redacted]');
        }
      }
    }
  });

  it('shows neither bytes nor depths nor lengths without end', () => {
    expect(log({ blob: new Uint8Array([104, 111, 114, 115, 101]) })).toContain('"blob":"[5 bytes]"');
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(log(circle)).toContain('[too deep]');
    expect(log({ reason: 'x'.repeat(10_000) }).length).toBeLessThan(2_200);
    expect(log({ list: Array.from({ length: 10_000 }, () => 1) }).length).toBeLessThan(400);
    expect(log({ error: new TypeError('broken'), big: 10n })).toContain('"error":"TypeError: broken","big":"10"');
  });

  it('counts are no secrets', () => {
    expect(log({ tokens: 3, tokensPerSecondMilli: 9000, contextTokens: 512 })).not.toContain('redacted');
  });
});
