/** What would be fetched from outside npm, and never is. */

import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Finding, note, ok } from './finding.ts';

/** Where the runtime lies: carried along in the package, or installed in a checkout. */
const runtimeFolders = ['../../vendor/onnxruntime-node', '../../../node_modules/onnxruntime-node'].map((place) =>
  fileURLToPath(new URL(place, import.meta.url)),
);

/** Execution providers that the runtime's installer puts beside what npm brings. */
const fetchedLibrary = /onnxruntime_providers_(cuda|tensorrt|shared)\.(so|dll)$/;

export function checkFetched(folder = runtimeFolders.find((place) => existsSync(place))): Finding[] {
  const found = folder === undefined ? [] : readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const libraries = found.filter((file) => fetchedLibrary.test(file));
  if (libraries.length > 0) {
    const text = `${libraries.join(', ')} beside the runtime did not come with npm: its installer has run, or somebody put them there.`;
    return [note('fetched', text, 'If you did not mean that, remove node_modules and run npm ci.')];
  }
  return [
    ok(
      'fetched',
      'nothing from outside npm: the installer of onnxruntime-node, which would fetch the CUDA provider from nuget.org, does not run (--device webgpu needs none of it). Models come only when you pull them; nothing is sent',
    ),
  ];
}
