/** Facts about an engine process: what it runs, how much memory it holds, why it ended. */

import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { DarkroomError } from '#core/errors';
import { ownModule } from '../files/own-module.ts';

export const childMain = ownModule(import.meta.url, './child');

/** The environment without what only the studio needs to know. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const isSecret = /token|secret|password|api_?key/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSecret.test(name)));
}

/**
 * Blocks from this size on are given back to the system as soon as they are freed (glibc's mallopt, M_MMAP_THRESHOLD).
 * Left to itself glibc keeps ever larger ones, up to 32 MB, which are what weights and activations are: 0.2 GB of a
 * picture at SD 1.5's size (bench/README.md, "Memory").
 */
const givenBackBytes = 2 ** 20;

/** Of an engine; other systems than Linux do not read what is set here. */
export function engineEnvironment(): NodeJS.ProcessEnv {
  return { MALLOC_MMAP_THRESHOLD_: String(givenBackBytes), ...childEnvironment() };
}

/** Whether this process has what an engine's is given, or was given other by its user; true where nobody reads it. */
export function hasEngineEnvironment(): boolean {
  return process.platform !== 'linux' || process.env.MALLOC_MMAP_THRESHOLD_ !== undefined;
}

/** Bytes that the machine has, or the container that this runs in. */
export function machineMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Resident memory of another process in bytes; undefined where the system has no /proc. */
export function residentMemory(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Last lines of its standard error. */
  readonly stderr: string;
  /** Largest resident memory seen, bytes. */
  readonly peak: number;
}

const crashSignals: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'];

/** The error for an engine process that ended by itself: what happened, and what to do. */
export function crashError(ending: Ending): DarkroomError {
  const peak = ending.peak > 0 ? ` It held ${Math.round(ending.peak / 2 ** 20)} MiB.` : '';
  const tail = ending.stderr.trim() === '' ? '' : ` Its last words: ${ending.stderr.trim().slice(-1000)}`;
  if (ending.signal === 'SIGKILL') {
    return new DarkroomError(
      'engine.out-of-memory',
      `The engine process was killed by the system, most likely for want of memory.${peak} Try a smaller picture, a smaller batch, or close other programs.`,
    );
  }
  if (/heap out of memory/i.test(ending.stderr)) {
    return new DarkroomError('engine.out-of-memory', `The engine process ran out of memory.${peak}${tail}`);
  }
  const how = ending.signal
    ? `${crashSignals.includes(ending.signal) ? 'crashed' : 'was ended'} with ${ending.signal}`
    : `ended with exit code ${ending.code}`;
  return new DarkroomError('engine.crashed', `The engine process ${how}.${peak}${tail}`);
}
