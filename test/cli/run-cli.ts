/** Runs the command line: in this process with captured output, or as a process of its own. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import { runCommandLine } from '../../src/cli/program.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const fixture = (path: string): string =>
  fileURLToPath(new URL(`../goldens/data/models/${path}`, import.meta.url));

export const tinyModel = fixture('tiny-sd1/tiny-sd1.safetensors');

export async function cli(...argv: readonly string[]): Promise<CliResult> {
  return await cliWith({ shown: false }, ...argv);
}

/** @param output `shown`: as where a person reads what is written, who gets headings */
export async function cliWith({ shown }: { shown: boolean }, ...argv: readonly string[]): Promise<CliResult> {
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const code = await runCommandLine(argv, {
    result: (line) => void lines.stdout.push(line),
    note: (line) => void lines.stderr.push(line),
    interactive: false,
    shown,
  });
  return { code, stdout: lines.stdout.join('\n'), stderr: lines.stderr.join('\n') };
}

export const repository = fileURLToPath(new URL('../..', import.meta.url));

const main = ownModule(import.meta.url, '../../src/cli/main');

/** Starts the command line as a process of its own, in `cwd`. */
export function startCli(cwd: string, ...argv: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...childExecArgv(), main, ...argv], { cwd });
}

export async function finished(child: ChildProcessWithoutNullStreams): Promise<CliResult> {
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  return { code, stdout, stderr };
}
