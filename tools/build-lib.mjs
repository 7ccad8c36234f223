/**
 * Writes the sources as JavaScript to `lib/` for the published package: it runs there without TypeScript and without a
 * loader. `npm pack` calls this; a checkout runs its sources.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSources } from './build-sources.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const output = join(root, 'lib');

/**
 * The runtime is carried along: as a dependency it would run an installer that fetches CUDA libraries from outside npm,
 * and fail where it cannot. Its files are the same, for every platform.
 */
const carried = 'onnxruntime-node';
const carriedFolder = join(output, 'vendor', carried);

rmSync(output, { recursive: true, force: true });
await buildSources({
  root,
  base: source,
  folders: ['.'],
  output,
  placeOf: (name) => (name === carried ? join(source, 'vendor', carried, 'dist', 'index.js') : undefined),
});

const installed = join(root, 'node_modules', carried);
for (const part of ['bin', 'dist'])
  cpSync(join(installed, part), join(carriedFolder, part), { recursive: true, dereference: true });
const { name, version, license, main } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
writeFileSync(
  join(carriedFolder, 'package.json'),
  `${JSON.stringify({ name, version, license, main, type: 'commonjs' }, null, 2)}\n`,
);
