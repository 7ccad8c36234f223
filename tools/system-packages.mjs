/**
 * Installs the system packages that browser and WebGPU tests use where they are missing and can be had: Debian's
 * `chromium` (which brings a software Vulkan driver) and the Vulkan loader. Without them those tests skip and say why.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const wanted = [
  ['chromium', '/usr/bin/chromium'],
  ['libvulkan1', '/usr/lib/x86_64-linux-gnu/libvulkan.so.1'],
];
const missing = wanted.filter(([, file]) => !existsSync(file)).map(([name]) => name);
const canInstall = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');

if (missing.length > 0 && canInstall) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', args, { stdio: 'inherit', env }).status === 0;
  if (!(apt('update', '-q') && apt('install', '-y', '-q', '--no-install-recommends', ...missing))) {
    console.log(`could not install ${missing.join(', ')}: the tests that need them will skip`);
  }
} else if (missing.length > 0) {
  console.log(`not here: ${missing.join(', ')}; the tests that need them will skip`);
}
