/** The configuration: its schema, its file, and where things lie by default. */
export { ConfigError } from './config-error.ts';
export { ConfigFile, ConfigFileError, type SettingsChange } from './config-file.ts';
export { jobShareOf, offeredOf } from './job-share.ts';
export { type Adoption, adopt } from './live.ts';
export { type ConfigOverride, loadConfig } from './load.ts';
export { defaultConfigFile, defaultDataFolder, xdgConfigFolder } from './paths.ts';
export { saveSettings } from './save-settings.ts';
export { NodeConfig, type NodeConfigInput } from './schema.ts';
export { parseSetting } from './setting-text.ts';
