/**
 * Builds the page (`src/web`) into `dist/web`, from where `darkroom serve` serves it; `npm ci` runs this. No inline
 * scripts come out: the page's policy forbids them. An install without development packages goes on without it.
 */
import { fileURLToPath } from 'node:url';

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

async function builder() {
  try {
    const [{ build }, { default: solid }, { default: styles }] = await Promise.all([
      import('vite'),
      import('vite-plugin-solid'),
      import('unocss/vite'),
    ]);
    return { build, solid, styles };
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

const found = await builder();
if (found) {
  await found.build({
    configFile: false,
    root: folder('../src/web'),
    plugins: [found.styles({ configFile: folder('../src/web/uno.config.ts') }), found.solid()],
    logLevel: 'warn',
    build: {
      outDir: folder('../dist/web'),
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  });
} else {
  console.log('The page is not built: vite is not installed (npm ci without --omit=dev installs it).');
}
