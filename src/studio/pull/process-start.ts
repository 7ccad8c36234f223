/** When a process started, where the system says so: field 22 of /proc/<pid>/stat, in clock ticks since boot. */

import { readFile } from 'node:fs/promises';

export async function processStart(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may itself hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
