/** Entry of the `darkroom` command. */

import { dirname } from 'node:path';
import { runCommandLine } from './program.ts';
import { processOutput, restoreTerminal } from './terminal.ts';

// Our own scripts (`npm run darkroom`, `npm start`) begin in the package's folder; paths are meant from where they were
// typed.
const { npm_lifecycle_event: script, npm_package_json: manifest, INIT_CWD: typedIn } = process.env;
const isOwnScript = (script === 'darkroom' || script === 'start') && dirname(manifest ?? '') === process.cwd();
if (isOwnScript && typedIn) process.chdir(typedIn);
// A reader that went away (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.on('exit', restoreTerminal);
process.exitCode = await runCommandLine(process.argv.slice(2), processOutput);
