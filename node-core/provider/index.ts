export { makeCatalogue } from './catalogue.ts';
export { Pauses } from './pauses.ts';
export { Provider } from './provider.ts';
