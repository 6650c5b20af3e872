export { type Catalogue, makeCatalogue } from './catalogue.ts';
export { Provider, type ProviderOptions } from './provider.ts';
