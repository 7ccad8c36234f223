/**
 * Sources as JavaScript, file by file and with the same folders, so that they run without TypeScript and without a
 * loader: the published package (`build-lib.mjs`), and the processes that tests start (`test/fixtures/built-module.ts`).
 */
import { readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { build } from 'esbuild';

/** The page is built by vite; tests and declarations run elsewhere. */
function entryPointsOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.(test|d)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes(`${sep}src${sep}web${sep}`));
}

/**
 * @param {{
 *   root: string, // of the repository
 *   base: string, // the folder below which every file keeps its place
 *   folders: readonly string[], // what to build, below `base`
 *   output: string,
 *   placeOf?: (name: string) => string | undefined, // where below `base` a package is carried along
 * }} options
 */
export async function buildSources({ root, base, folders, output, placeOf = () => undefined }) {
  /** `#room/file`, `./file.ts` and what is carried along as the built file beside: no map of imports is needed. */
  const asBuiltFiles = {
    name: 'as-built-files',
    setup({ onResolve }) {
      onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return undefined;
        const place = path.startsWith('#') ? join(root, 'src', `${path.slice(1)}.js`) : placeOf(path);
        if (place === undefined) return { path: path.replace(/^(\..*)\.ts$/, '$1.js'), external: true };
        const beside = relative(dirname(importer), place).replaceAll(sep, '/');
        return { path: beside.startsWith('.') ? beside : `./${beside}`, external: true };
      });
    },
  };
  await build({
    entryPoints: folders.flatMap((folder) => entryPointsOf(join(base, folder))),
    outdir: output,
    outbase: base,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    plugins: [asBuiltFiles],
    logLevel: 'warning',
  });
}
