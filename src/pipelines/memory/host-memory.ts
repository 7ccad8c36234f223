/** What memory there is to plan with, and how it is told. */

/** What the host has; bytes. */
export interface HostMemory {
  /** What the process may take in all, now. */
  limit(): number;
  /** What it could ever take. */
  readonly total: number;
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 10e9 ? 1 : 0)} GB`;
}
