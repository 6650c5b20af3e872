export { makeCatalogue } from './catalogue.ts';
export { Provider } from './provider.ts';
