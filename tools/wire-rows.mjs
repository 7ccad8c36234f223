/**
 * A plugin of the page's build: `virtual:wire-rows` is what the page must know of the API's operations, made of their
 * rows. With the schemas themselves, and what they are made of, the page would be half as large again.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const id = 'virtual:wire-rows';
const resolved = `\0${id}`;

export function wireRows() {
  return {
    name: 'wire-rows',
    resolveId: (asked) => (asked === id ? resolved : undefined),
    async load(asked) {
      if (asked !== resolved) return undefined;
      const { outputFiles } = await build({
        entryPoints: [fileURLToPath(new URL('../src/api/request.ts', import.meta.url))],
        bundle: true,
        write: false,
        format: 'esm',
        platform: 'node',
      });
      const code = Buffer.from(outputFiles[0].contents).toString('base64');
      const api = await import(`data:text/javascript;base64,${code}`);
      return `export const wireRows = ${JSON.stringify(api.wireRows())};`;
    },
  };
}
