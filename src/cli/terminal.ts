/** What commands write: results to standard output, everything else to standard error, nothing that moves the cursor. */

import { DarkroomError, InternalError } from '#core/errors';

/** A command's way to the terminal; tests of commands can give their own. */
export interface Output {
  /** Standard output, one line. */
  result(line: string): void;
  /** Standard error, one line. */
  note(line: string): void;
  /** Standard output as it is. */
  bytes?(data: Uint8Array): Promise<void>;
  /** Whether standard error is a terminal that can redraw a line. */
  readonly interactive: boolean;
  /** Whether standard output is a terminal: lists then have headings. */
  readonly shown?: boolean;
}

export const processOutput: Output = {
  result: (line) => void process.stdout.write(`${printable(line)}\n`),
  note: (line) => void process.stderr.write(`${printable(line)}\n`),
  bytes: async (data) =>
    await new Promise((resolve, reject) => {
      process.stdout.write(data, (error) => (error ? reject(error) : resolve()));
    }),
  get interactive() {
    return process.stderr.isTTY === true;
  },
  get shown() {
    return process.stdout.isTTY === true;
  },
};

/** Progress bars hide the cursor; whatever ends the process, it is there again. */
export function restoreTerminal(): void {
  if (process.stderr.isTTY) process.stderr.write('\u001b[?25h');
}

/** Control characters (but newline and tab) and direction marks as escapes: names of files must not act on terminals. */
export function printable(text: string): string {
  return text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What a user is told about an error: its message; the stack only where the fault is Darkroom's. */
export function describeError(error: unknown): string {
  if (error instanceof InternalError) {
    return `Darkroom has a fault; please report it with these lines:\n${error.stack ?? error.message}`;
  }
  if (error instanceof DarkroomError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export function errorCode(error: unknown): string {
  return error instanceof DarkroomError ? error.code : 'unexpected';
}

/** 1,234,567 -> `1.2 MB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Seconds as `7s`, `1m 05s`, `2h 03m`. */
export function formatDuration(seconds: number): string {
  const s = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (s < 60) return `${s}s`;
  return s < 3600
    ? `${Math.floor(s / 60)}m ${two(s % 60)}s`
    : `${Math.floor(s / 3600)}h ${two(Math.floor((s % 3600) / 60))}m`;
}

/** Milliseconds since 1970 as local `2026-11-23 14:05`. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** A longer cell moves the rest of its own row and does not widen all others. */
const widestColumn = 60;

/** Rows as lines whose columns begin below each other; the heading counts as one. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.min(widestColumn, Math.max(widths[i] ?? 0, cell.length));
  }
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}

/** The beginning of a text on one line, for lists. */
export function oneLine(text: string, length = 60): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
