import { ApiError } from '../protocol/index.ts';
import { ConfigError } from './config-error.ts';
import { type ConfigFile, ConfigFileError, type SettingsChange } from './config-file.ts';
import type { NodeConfig } from './schema.ts';

/**
 * Writes what an owner changed by the API, for whichever program runs the node.
 * @returns the configuration as it stands in the file now. @throws ApiError that says what is wrong, or why it cannot be written
 */
export async function saveSettings(
  file: ConfigFile,
  change: SettingsChange,
): Promise<{ config: NodeConfig; file: string }> {
  try {
    return { config: await file.write(change), file: file.path };
  } catch (error) {
    if (error instanceof ConfigFileError) throw new ApiError('not-allowed', error.message, { cause: error });
    if (!(error instanceof ConfigError)) throw error;
    const message = error.problems.map((problem) => problem.message).join('\n');
    throw new ApiError('invalid-params', message, { cause: error });
  }
}
