import type { Offer } from '../../protocol/index.ts';
import { plain } from './terminal.ts';

/** `text-classification (infernet-tiny, infernet-micro)`, one entry per template. */
export function offerTexts(offers: readonly Offer[]): string[] {
  const models = new Map<string, string[]>();
  for (const { templateName, modelName } of offers) {
    models.set(templateName, [...(models.get(templateName) ?? []), ...(modelName === null ? [] : [modelName])]);
  }
  return [...models].map(([template, its]) => plain(its.length === 0 ? template : `${template} (${its.join(', ')})`));
}
