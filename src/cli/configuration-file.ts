/** Where the configuration lies; apart from what reads it, so that a command starts without that. */

import { homedir } from 'node:os';
import path from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export function configurationFile(environment: Environment = process.env): string {
  if (environment.DARKROOM_CONFIG) return path.resolve(environment.DARKROOM_CONFIG);
  const home = process.platform === 'win32' ? environment.APPDATA : environment.XDG_CONFIG_HOME;
  return path.join(home || path.join(homedir(), '.config'), 'darkroom', 'config.json');
}
