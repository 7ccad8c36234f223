/** Reads what it is told, in a process of its own that can be killed, and says how much of the processor that took. */

import { byteReaders } from './bytes.ts';
import { textReaders } from './texts.ts';
import type { FromGrowth, ToGrowth } from './told.ts';

const readers = [...textReaders, ...byteReaders];

async function read({ reader, size }: ToGrowth): Promise<void> {
  for (const [shape, work] of readers.find(({ name }) => name === reader)!.shapes(size)) {
    say({ type: 'begins', shape });
    const before = process.cpuUsage();
    try {
      await work();
    } catch {
      // A refusal is as good an end.
    }
    const { user, system } = process.cpuUsage(before);
    say({ type: 'read', shape, ms: (user + system) / 1000 });
  }
  say({ type: 'done' });
}

function say(said: FromGrowth): void {
  process.send?.(said);
}

process.on('message', (order: ToGrowth) => void read(order));
process.on('disconnect', () => process.exit(0));
say({ type: 'readers', readers: readers.map(({ name, most }) => ({ name, most })) });
