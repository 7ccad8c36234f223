/**
 * Builds the page without a server (`src/demo`) into `dist/demo`, with the embedded model beside it: a folder that any
 * web server can hand out, at any address. Needs the development packages that `npm ci` brings.
 */
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import styles from 'unocss/vite';
import { build } from 'vite';
import solid from 'vite-plugin-solid';
import { wireRows } from './wire-rows.mjs';

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = folder('../dist/demo');

await build({
  configFile: false,
  root: folder('../src/demo'),
  base: './',
  plugins: [styles({ configFile: folder('../src/web/uno.config.ts') }), solid(), wireRows()],
  worker: { format: 'es' },
  logLevel: 'warn',
  build: {
    outDir: out,
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
for (const ending of ['safetensors', 'darkroom.json']) {
  copyFileSync(folder(`../models/darkroom-mini.${ending}`), `${out}/darkroom-mini.${ending}`);
}
