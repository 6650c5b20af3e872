/** What this node serves: templates that run here, by the owner's choice, at the owner's price. */
import type { NodeConfig } from '../config/schema.ts';
import type { ExecutorInventory, InstalledTemplate } from '../ports/index.ts';
import { type Cid, compileSchema, type JsonSchemaCheck, type Offer, type Price } from '../protocol/index.ts';

export interface Served {
  readonly installed: InstalledTemplate;
  readonly models: readonly (Cid | null)[];
  readonly price: Price;
  readonly checkParams: JsonSchemaCheck;
  readonly checkInput: JsonSchemaCheck;
  readonly checkOutput: JsonSchemaCheck;
}

export interface Catalogue {
  readonly served: ReadonlyMap<Cid, Served>;
  readonly offers: readonly Offer[];
  readonly notOffered: ReadonlyArray<{ template: string; reason: string }>;
  /** Of it, what did not run when it was tried. */
  readonly broken?: ReadonlyArray<{ template: Cid; model: Cid | null; reason: string }>;
}

/** The same catalogue with a measured speed. */
export function withSpeed(catalogue: Catalogue, measured: Offer, tokensPerSecondMilli: number): Catalogue {
  const offers = catalogue.offers.map((offer) =>
    isSame(offer, measured) ? { ...offer, tokensPerSecondMilli } : offer,
  );
  return { ...catalogue, offers };
}

/** The same catalogue without what does not run here. */
export function without(catalogue: Catalogue, template: Cid, model: Cid | null, reason: string): Catalogue {
  const served = new Map(catalogue.served);
  const entry = served.get(template);
  if (entry === undefined) return catalogue;
  const models = entry.models.filter((cid) => cid !== model);
  if (models.length === 0) served.delete(template);
  else served.set(template, { ...entry, models });
  return {
    served,
    offers: catalogue.offers.filter((offer) => !isSame(offer, { template, model })),
    notOffered: [...catalogue.notOffered, { template: entry.installed.template.name, reason }],
    broken: [...(catalogue.broken ?? []), { template, model, reason }],
  };
}

/** A catalogue by other settings, with what was found out since the first: speeds, and what does not run here. */
export function keepingFindings(next: Catalogue, before: Catalogue): Catalogue {
  const offers = next.offers.map((offer) => {
    const known = before.offers.find((other) => isSame(other, offer))?.tokensPerSecondMilli ?? 0;
    return offer.tokensPerSecondMilli === 0 ? { ...offer, tokensPerSecondMilli: known } : offer;
  });
  return (before.broken ?? []).reduce<Catalogue>(
    (catalogue, { template, model, reason }) => without(catalogue, template, model, reason),
    { ...next, offers },
  );
}

function isSame(a: Pick<Offer, 'template' | 'model'>, b: Pick<Offer, 'template' | 'model'>): boolean {
  return a.template === b.template && a.model === b.model;
}

export function makeCatalogue(inventory: ExecutorInventory, config: NodeConfig['provider']): Catalogue {
  const served = new Map<Cid, Served>();
  const offers: Offer[] = [];
  const notOffered: Array<{ template: string; reason: string }> = [];
  const modelNames = new Map(inventory.models.map((model) => [model.cid, model.name]));

  for (const installed of inventory.templates) {
    const { template, runnable } = installed;
    const without = (reason: string) => notOffered.push({ template: template.name, reason });
    if (config.templates !== null && !config.templates.includes(template.name)) {
      without('the owner does not serve it (provider.templates)');
      continue;
    }
    if (config.templates === null && template.offeredByDefault === false) {
      without('it is offered only where the owner names it (provider.templates)');
      continue;
    }
    if (!runnable.ok) {
      without(runnable.reason);
      continue;
    }
    const models: Array<Cid | null> = template.needsModel
      ? installed.models.filter((cid) => config.models === null || config.models.includes(modelNames.get(cid) ?? cid))
      : [null];
    if (models.length === 0) {
      without('no model for it is here, or the owner serves none of them (provider.models)');
      continue;
    }
    const price = config.prices[template.name] ?? config.defaultPrice;
    served.set(template.id, {
      installed,
      models,
      price,
      checkParams: compileSchema(template.params),
      checkInput: compileSchema(template.input),
      checkOutput: compileSchema(template.output),
    });
    for (const model of models) {
      offers.push({
        template: template.id,
        templateName: template.name,
        model,
        modelName: model === null ? null : (modelNames.get(model) ?? null),
        price,
        tokensPerSecondMilli: (model === null ? undefined : installed.tokensPerSecondMilli[model]) ?? 0,
        itemsPerShardMax: config.itemsPerShardMax,
        ...(installed.gpu !== undefined && { gpu: installed.gpu.slice(0, 128) }),
      });
    }
  }
  return { served, offers, notOffered };
}
