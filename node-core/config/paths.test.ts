import { describe, expect, it } from 'vitest';
import { defaultConfigFile, defaultDataFolder } from './paths.ts';

const on = (platform: NodeJS.Platform, env: Record<string, string>, home: string) => ({ platform, env, home });

describe('default places', () => {
  it('follow XDG on Linux', () => {
    const plain = on('linux', {}, '/home/ada');
    expect(defaultDataFolder(plain)).toBe('/home/ada/.local/share/infernet');
    expect(defaultConfigFile(plain)).toBe('/home/ada/.config/infernet/node.yaml');
    const set = on('linux', { XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: '/etc/ada' }, '/home/ada');
    expect(defaultDataFolder(set)).toBe('/data/infernet');
    expect(defaultConfigFile(set)).toBe('/etc/ada/infernet/node.yaml');
    const relative = on('linux', { XDG_DATA_HOME: 'data', XDG_CONFIG_HOME: '' }, '/home/ada');
    expect(defaultDataFolder(relative)).toBe('/home/ada/.local/share/infernet');
    expect(defaultConfigFile(relative)).toBe('/home/ada/.config/infernet/node.yaml');
  });

  it('follow Windows and macOS', () => {
    const windows = on('win32', { APPDATA: 'C:\\Users\\Ada\\AppData\\Roaming' }, 'C:\\Users\\Ada');
    expect(defaultDataFolder(windows)).toBe('C:\\Users\\Ada\\AppData\\Roaming\\Infernet');
    expect(defaultConfigFile(windows)).toBe('C:\\Users\\Ada\\AppData\\Roaming\\Infernet\\node.yaml');
    expect(defaultDataFolder(on('darwin', {}, '/Users/ada'))).toBe('/Users/ada/Library/Application Support/Infernet');
  });
});
