/** Files of our own beside a module, under the name they have there: .ts in a checkout, .js in the package. */

import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** `module`: the asking module's `import.meta.url`; `name`: relative to it, without extension. */
export function ownModule(module: string, name: string): string {
  return fileURLToPath(new URL(name + extname(new URL(module).pathname), module));
}

/** Node flags for a process that runs our files: TypeScript needs tsx's loader. */
export function childExecArgv(): string[] {
  if (!import.meta.url.endsWith('.ts')) return [];
  const loader = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(loader).href];
}
