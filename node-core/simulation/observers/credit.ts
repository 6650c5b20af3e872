/**
 * What was said over the wire about credit: the limits that providers quoted, and the vouchers by which they may grow.
 * From here the observers know what a client may owe, and not from the books of the node that they watch.
 */
import { type PeerId, priceOf } from '../../protocol/index.ts';
import { at, type Said } from './said.ts';

export interface CreditRules {
  readonly creditLimitMicro: bigint;
  readonly creditLimitMaxMicro: bigint;
  readonly creditEarnedPercent: bigint;
  readonly itemsPerShardMax: number;
}

export class CreditFacts {
  /** By payer and payee: the highest voucher that one of them has shown. */
  readonly #vouched = new Map<string, bigint>();
  /** By provider and client: the highest limit ever quoted. */
  readonly #quoted = new Map<string, bigint>();
  /** By provider and client: the largest shard that it asked for, items. */
  readonly #asked = new Map<string, bigint>();
  /** By provider and client: the dearest shard that it was quoted. */
  readonly #dearest = new Map<string, bigint>();

  hear(from: PeerId, to: PeerId, { type, body }: Said, rulesOf: (provider: PeerId) => CreditRules | null): void {
    switch (type) {
      case 'payment.voucher':
        raise(this.#vouched, `${from} ${to}`, at(body, 'voucher', 'body', 'cumulativeMicro'));
        break;
      case 'payment.ack':
        raise(this.#vouched, `${to} ${from}`, at(body, 'ack', 'body', 'cumulativeMicro'));
        break;
      case 'payment.statement': {
        const statements = at(body, 'statements');
        for (const statement of Array.isArray(statements) ? statements : []) {
          const pair = `${String(at(statement, 'payer'))} ${String(at(statement, 'payee'))}`;
          raise(this.#vouched, pair, at(statement, 'best', 'body', 'cumulativeMicro'));
        }
        break;
      }
      case 'job.quote': {
        const [items, itemsPerShard] = [at(body, 'items'), at(body, 'itemsPerShard')];
        if (typeof items === 'number' && typeof itemsPerShard === 'number')
          raise(this.#asked, `${to} ${from}`, String(Math.min(items, itemsPerShard)));
        break;
      }
      case 'job.offer': {
        const quote = at(body, 'quote', 'body');
        raise(this.#quoted, `${from} ${to}`, at(quote, 'creditLimitMicro'));
        const [shardMicro, itemMicro] = [at(quote, 'price', 'shardMicro'), at(quote, 'price', 'itemMicro')];
        const rules = rulesOf(from);
        if (rules === null || typeof shardMicro !== 'string' || typeof itemMicro !== 'string') break;
        // What hostile peers ask for is not overheard.
        const items = Number(this.#asked.get(`${from} ${to}`) ?? rules.itemsPerShardMax);
        raise(this.#dearest, `${from} ${to}`, priceOf({ shardMicro, itemMicro }, items));
        break;
      }
    }
  }

  /** No provider may let a client owe more than it told it. */
  quotedMicro(provider: PeerId, client: PeerId): bigint {
    return this.#quoted.get(`${provider} ${client}`) ?? 0n;
  }

  /** The most that may ever be quoted: what everybody has, or one shard, and a share of the work done for work. */
  boundMicro(provider: PeerId, client: PeerId, rules: CreditRules): bigint {
    const base = greater(rules.creditLimitMicro, this.#dearest.get(`${provider} ${client}`) ?? 0n);
    const received = this.#vouched.get(`${client} ${provider}`) ?? 0n;
    const given = this.#vouched.get(`${provider} ${client}`) ?? 0n;
    const earned = ((received < given ? received : given) * rules.creditEarnedPercent) / 100n;
    const grown = base + earned;
    return greater(base, grown < rules.creditLimitMaxMicro ? grown : rules.creditLimitMaxMicro);
  }
}

function raise(sums: Map<string, bigint>, key: string, amount: unknown): void {
  if (typeof amount !== 'string') return;
  sums.set(key, greater(sums.get(key) ?? 0n, BigInt(amount)));
}

function greater(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
