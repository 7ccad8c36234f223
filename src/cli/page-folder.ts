import { fileURLToPath } from 'node:url';

/** Where `npm ci` builds the page (tools/build-page.mjs). */
export const pageFolder = fileURLToPath(new URL('../../dist/web', import.meta.url));
