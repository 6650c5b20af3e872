/** The node of this app: the user's configuration, real ports, and the control API on loopback for the command line. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { realPorts, recoveryPhraseIn, startFailureOf } from '../node-core/adapters.ts';
import {
  ConfigError,
  ConfigFile,
  type ConfigOverride,
  defaultConfigFile,
  defaultDataFolder,
  type NodeConfig,
  saveSettings,
} from '../node-core/config/index.ts';
import { ControlServerError, startControlServer } from '../node-core/control/index.ts';
import { createNode } from '../node-core/node.ts';
import type { Logger } from '../node-core/ports/index.ts';
import type { RunningHost } from './node-host.ts';
import { desktopHost } from './power.ts';

export interface RealNodeOptions {
  readonly log: Logger;
  /** Of what is logged from now on: the level stands in the configuration, which is read here. */
  setLogLevel(level: NodeConfig['log']['level']): void;
  readonly dataFolder: string | null;
  readonly configFile: string | null;
  /** In the packaged app natives lie beside the archive. */
  readonly modulesFolder: string | null;
  readonly interfaceFolder: string;
  onEnd(error: Error | null): void;
}

/** @throws Error that says what was expected, what was found, and what to do. */
export async function startRealNode(options: RealNodeOptions): Promise<RunningHost> {
  try {
    return await start(options);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof ControlServerError) throw error;
    throw new Error(startFailureOf(error).message, { cause: error });
  }
}

async function start(options: RealNodeOptions): Promise<RunningHost> {
  const { log, onEnd, interfaceFolder } = options;
  const path = options.configFile ?? defaultConfigFile();
  const overrides: ConfigOverride[] = [];
  if (options.dataFolder !== null) {
    overrides.push({ path: ['dataFolder'], value: options.dataFolder, source: '--data' });
  }
  const file = new ConfigFile({
    path,
    mustExist: options.configFile !== null,
    dataFolder: defaultDataFolder(),
    overrides,
  });
  const config = await file.read();
  options.setLogLevel(config.log.level);
  const { ports } = await realPorts(config, {
    log,
    host: desktopHost,
    ...(options.modulesFolder !== null &&
      existsSync(options.modulesFolder) && { modulesFolder: options.modulesFolder }),
  });
  const node = createNode(config, ports, {
    saveSettings: (change) => saveSettings(file, change),
    recoveryPhrase: () => recoveryPhraseIn(config.dataFolder),
    configured: ({ log: { level } }) => options.setLogLevel(level),
  });
  node.onEnd(onEnd);
  await node.start();
  try {
    const control = await startControlServer({
      ...config.control,
      api: node.api,
      dataFolder: config.dataFolder,
      log,
      ...(existsSync(join(interfaceFolder, 'index.html')) && { interfaceFolder }),
    });
    return {
      api: node.api,
      async stop(stopping) {
        try {
          await node.stop(stopping);
        } finally {
          await control.stop(stopping.reason);
        }
      },
    };
  } catch (error) {
    await node.stop({ drainMs: 0, reason: 'the start failed' });
    throw error;
  }
}
