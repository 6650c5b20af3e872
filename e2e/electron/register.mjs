// node --import ./e2e/electron/register.mjs out/main/main.js: the real main bundle, with a stand-in for `electron`.
import { registerHooks } from 'node:module';

const standIn = new URL('./stand-in.mjs', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'electron' ? { url: standIn, shortCircuit: true } : next(specifier, context),
});
