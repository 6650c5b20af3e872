/** The pages that follow when the first one is there: in one piece, since they share most of what they are made of. */
export { default as chat } from './Chat.svelte';
export { default as job } from './Job.svelte';
export { default as jobs } from './Jobs.svelte';
export { default as logs } from './Logs.svelte';
export { default as provider } from './Provider.svelte';
export { default as providers } from './Providers.svelte';
export { default as settings } from './Settings.svelte';
export { default as submit } from './Submit.svelte';
export { default as wallet } from './Wallet.svelte';
