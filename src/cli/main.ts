/** Entry of the `darkroom` command. */

import { runCommandLine } from './program.ts';
import { processOutput } from './terminal.ts';

// A reader that went away (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exitCode = await runCommandLine(process.argv.slice(2), processOutput);
