/**
 * Builds the page (`src/web`) into `dist/web`, from where `darkroom serve` serves it; `npm ci` runs this. No inline
 * scripts come out: the page's policy forbids them. An install without development packages goes on without it.
 */
import { mkdir, rename, rm } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

async function builder() {
  try {
    const [{ build }, { default: solid }, { default: styles }, { wireRows }] = await Promise.all([
      import('vite'),
      import('vite-plugin-solid'),
      import('unocss/vite'),
      import('./wire-rows.mjs'),
    ]);
    return { build, solid, styles, wireRows };
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** At once, so that whoever is being served the page meets a whole one: the old or the new. */
async function replace(out, fresh) {
  const old = `${fresh}-old`;
  await mkdir(folder('../dist'), { recursive: true });
  await rename(out, old).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(fresh, out);
  await rm(old, { recursive: true, force: true });
}

const found = await builder();
if (found) {
  const fresh = folder(`../.build/page-${process.pid}`);
  await found.build({
    configFile: false,
    root: folder('../src/web'),
    plugins: [found.styles({ configFile: folder('../src/web/uno.config.ts') }), found.solid(), found.wireRows()],
    logLevel: 'warn',
    build: {
      outDir: fresh,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  });
  await replace(folder('../dist/web'), fresh);
} else {
  console.log('The page is not built: vite is not installed (npm ci without --omit=dev installs it).');
}
