/**
 * Writes the sources as JavaScript to `lib/`, file by file and with the same folders, for the published package: it runs
 * there without TypeScript and without a loader. `npm pack` calls this; a checkout runs its sources.
 */
import { readdirSync, rmSync } from 'node:fs';
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
