/** The configuration: its schema, its file, and where things lie by default. */
export { ConfigError } from './config-error.ts';
export { type ConfigOverride, loadConfig } from './load.ts';
export { defaultConfigFile, defaultDataFolder } from './paths.ts';
export { NodeConfig, type NodeConfigInput } from './schema.ts';
