/** Files of our own beside a module, under the name they have there: .ts in a checkout, .js in the package. */

import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `module`: the asking module's `import.meta.url`; `name`: relative to it, without extension. */
export function ownModule(module: string, name: string): string {
  return fileURLToPath(new URL(name + extname(new URL(module).pathname), module));
}
