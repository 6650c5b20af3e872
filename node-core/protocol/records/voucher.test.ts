import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PaidReplica } from './voucher.ts';
import { creditChannelId, emptyHead, nextHead } from './voucher.ts';

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');

const payer = '12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV';
const payee = '12D3KooWDwTirQce1RRKnasT5fPVFgzXCy6SiRgSwrwPGLC7zE91';
const replicaId = '0123456789abcdef0123456789abcdef.0.1.7YJgL5pV';

const headOf = (payments: readonly PaidReplica[]) =>
  payments.reduce((head, { replicaId, priceMicro }) => nextHead(head, replicaId, priceMicro), emptyHead);

describe('credit channels', () => {
  it('have an id that both sides compute', () => {
    const text = `{"epoch":0,"payee":"${payee}","payer":"${payer}","rail":"credit","unit":"micro-credit"}`;
    expect(creditChannelId(payer, payee, 0)).toBe(sha256(text));
  });

  it('are one per direction and epoch', () => {
    const ids = [creditChannelId(payer, payee, 0), creditChannelId(payee, payer, 0), creditChannelId(payer, payee, 1)];
    expect(new Set(ids).size).toBe(3);
  });
});

describe('the head of a voucher chain', () => {
  it('begins with a constant and takes in replica and price', () => {
    expect(emptyHead).toBe(sha256('{"head":"empty","rail":"credit"}'));
    expect(nextHead(emptyHead, replicaId, '2000')).toBe(
      sha256(`{"head":"${emptyHead}","priceMicro":"2000","replicaId":"${replicaId}"}`),
    );
  });

  it('is the same for the same payments in the same order, and for no others', () => {
    const payment = fc.record({
      replicaId: fc.integer({ min: 1, max: 3 }).map((attempt) => replicaId.replace('.1.', `.${attempt}.`)),
      priceMicro: fc.constantFrom('1', '2000'),
    });
    const payments = fc.array(payment, { maxLength: 5 });
    fc.assert(
      fc.property(payments, payments, (a, b) => {
        expect(headOf(a) === headOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('goes on from any point: the tail of a statement is enough to check it', () => {
    const payments = Array.from({ length: 6 }, (_, i) => ({ replicaId, priceMicro: String(i) }));
    const middle = headOf(payments.slice(0, 3));
    const end = payments.slice(3).reduce((head, p) => nextHead(head, p.replicaId, p.priceMicro), middle);
    expect(end).toBe(headOf(payments));
  });
});
