/**
 * Whether a device can be used, said before its driver is loaded in this process: drivers and the loader of Vulkan
 * write lines of their own to standard error, which nothing here can hold back. Where nothing speaks for a driver, the
 * device is tried in a process of its own, whose lines go nowhere.
 */

import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EngineError } from '#engine/errors';
import { tryDevice, webgpuRemedy } from './devices.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws EngineError `unavailable`, in one sentence and with what to do */
export async function checkUsable(device: string, env: Environment = process.env): Promise<void> {
  if (process.platform !== 'linux' || !device.startsWith('webgpu') || hasVulkanDriver(env)) return;
  const probed = await tryDevice(device);
  if (!('fails' in probed)) return;
  const why = probed.fails.replace(/\.$/, '');
  throw new EngineError('unavailable', device, `${device} cannot be used: ${why}. ${webgpuRemedy(why)}`);
}

/** Whether a driver's description lies where Vulkan's loader looks (its LoaderInterfaceArchitecture.md). */
export function hasVulkanDriver(env: Environment): boolean {
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  if (named) return named.split(delimiter).some((file) => existsSync(file));
  const listed = (value: string | undefined, usual: string): string[] => (value || usual).split(delimiter);
  const home = env.HOME ?? '';
  const roots = [
    env.XDG_CONFIG_HOME || join(home, '.config'),
    ...listed(env.XDG_CONFIG_DIRS, '/etc/xdg'),
    '/etc',
    env.XDG_DATA_HOME || join(home, '.local/share'),
    ...listed(env.XDG_DATA_DIRS, `/usr/local/share${delimiter}/usr/share`),
  ];
  return roots.some((root) => hasManifest(join(root, 'vulkan/icd.d')));
}

function hasManifest(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith('.json'));
  } catch {
    return false;
  }
}
