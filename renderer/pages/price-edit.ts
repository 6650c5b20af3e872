/** Prices as people type them: credits with at most six decimals, for a template by its name. */
import { type Json, type Micro, z } from '../../node-core/protocol/index.ts';
import { creditNumber, parseCredits } from '../text/format.ts';

const Price = z.object({ shardMicro: z.string(), itemMicro: z.string() });
const Prices = z.record(z.string(), Price);

/** What a price is made of: a fixed part of each shard, and a part for each of its items. */
export const priceParts = ['shardMicro', 'itemMicro'] as const;
export type PricePart = (typeof priceParts)[number];
/** As it stands in the fields. */
export type PriceText = Readonly<Record<PricePart, string>>;
export interface PriceRow {
  readonly template: string;
  readonly text: PriceText;
}

export function priceText(value: Json | undefined): PriceText {
  const price = Price.safeParse(value).data;
  const text = (micro: Micro | undefined): string => (micro === undefined ? '' : creditNumber(micro));
  return { shardMicro: text(price?.shardMicro), itemMicro: text(price?.itemMicro) };
}

/** In the order of their names: a record has none. */
export function priceRows(value: Json | undefined): PriceRow[] {
  return Object.entries(Prices.safeParse(value).data ?? {})
    .map(([template, price]) => ({ template, text: priceText(price) }))
    .toSorted((a, b) => a.template.localeCompare(b.template));
}

export const isAmount = (text: string): boolean => parseCredits(text) !== null;

/** @returns null when a part of it is no amount. */
export function readPrice(text: PriceText): Record<PricePart, Micro> | null {
  const [shardMicro, itemMicro] = [parseCredits(text.shardMicro), parseCredits(text.itemMicro)];
  return shardMicro === null || itemMicro === null ? null : { shardMicro, itemMicro };
}

/** @returns null when a part of one of them is no amount. */
export function readPrices(rows: readonly PriceRow[]): Record<string, Record<PricePart, Micro>> | null {
  const read = rows.flatMap(({ template, text }) => {
    const price = readPrice(text);
    return price === null ? [] : [[template, price] as const];
  });
  return read.length === rows.length ? Object.fromEntries(read) : null;
}
