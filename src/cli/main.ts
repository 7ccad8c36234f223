/** Entry of the `darkroom` command. */

import { runCommandLine } from './program.ts';
import { processOutput, restoreTerminal } from './terminal.ts';

// `npm run darkroom` starts in the package's folder; paths are meant from where it was typed.
const { npm_package_name: script, INIT_CWD: typedIn } = process.env;
if (script === 'darkroom' && typedIn) process.chdir(typedIn);
// A reader that went away (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.on('exit', restoreTerminal);
process.exitCode = await runCommandLine(process.argv.slice(2), processOutput);
