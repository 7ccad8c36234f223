/**
 * Writes the sources as JavaScript to `lib/`, file by file and with the same folders, for the published package: it runs
 * there without TypeScript and without a loader. `npm pack` calls this; a checkout runs its sources.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
const output = join(root, 'lib');

/** The page is built by vite, tests and declarations are not shipped. */
const entryPoints = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.(test|d)\.ts$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((file) => !file.startsWith(join(source, 'web') + sep));

/**
 * The runtime is carried along: as a dependency it would run an installer that fetches CUDA libraries from outside npm,
 * and fail where it cannot. Its files are the same, for every platform.
 */
const carried = 'onnxruntime-node';
const carriedFolder = join(output, 'vendor', carried);

/** `#room/file` and `./file.ts` as the built file beside, so that the package needs no map of imports. */
const asBuiltFiles = {
  name: 'as-built-files',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
      if (kind === 'entry-point') return undefined;
      if (path.startsWith('#')) {
        const beside = relative(dirname(importer), join(source, `${path.slice(1)}.js`)).replaceAll(sep, '/');
        return { path: beside.startsWith('.') ? beside : `./${beside}`, external: true };
      }
      if (path === carried) {
        const target = join(source, 'vendor', carried, 'dist', 'index.js');
        return { path: relative(dirname(importer), target).replaceAll(sep, '/'), external: true };
      }
      return { path: path.replace(/^(\..*)\.ts$/, '$1.js'), external: true };
    });
  },
};

rmSync(output, { recursive: true, force: true });
await build({
  entryPoints,
  outdir: output,
  outbase: source,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  plugins: [asBuiltFiles],
  logLevel: 'warning',
});

const installed = join(root, 'node_modules', carried);
for (const part of ['bin', 'dist'])
  cpSync(join(installed, part), join(carriedFolder, part), { recursive: true, dereference: true });
const { name, version, license, main } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
writeFileSync(
  join(carriedFolder, 'package.json'),
  `${JSON.stringify({ name, version, license, main, type: 'commonjs' }, null, 2)}\n`,
);
