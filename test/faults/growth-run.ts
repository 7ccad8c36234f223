/**
 * Holds every parser of text and bytes to work that grows as its input does: nesting, repetition and runs of n, 2n and
 * 4n, by time of the processor. The short form reads one size: what grows with the square takes many times the bound
 * there, what is linear a small part of it, so that no machine's speed matters.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import type { FromGrowth, ToGrowth } from './growth/told.ts';

export interface GrowthOptions {
  /** Characters or bytes of the largest size; default 2^20, and 2^16 of the short form. */
  readonly size?: number;
  /** The short form: reads the largest size alone. */
  readonly once?: boolean;
  /** Only readers whose name has this in it. */
  readonly only?: string | undefined;
  readonly tell?: (line: string) => void;
}

export interface Grown {
  readonly name: string;
  /** Milliseconds of the processor, by size. */
  readonly ms: readonly number[];
  /** How much more the largest takes than the smallest, which is a quarter of it. */
  readonly times: number;
}

export interface GrowthReport {
  readonly readers: number;
  readonly shapes: number;
  readonly worst: readonly Grown[];
  readonly problems: readonly string[];
}

const main = ownModule(import.meta.url, './growth/process');
/** Of the wall: nothing that is linear takes so long, however busy the machine is. */
const patienceMs = 60_000;
/** Of the processor, in the short form, whose size is 2^16 then: linear work takes some tens. */
const mostOnceMs = 1500;
const onceSize = 2 ** 16;
/** Four times the input: four times the work is linear, sixteen times its square. */
const mostTimes = 9;
/** Less may be the compiler or the garbage collector. */
const leastMs = 1000;

export async function growthRun(options: GrowthOptions = {}): Promise<GrowthReport> {
  const { once = false, size = once ? onceSize : 2 ** 20, only = '', tell = () => {} } = options;
  const process = new GrowthProcess();
  const grown = new Map<string, number[]>();
  try {
    const readers = (await process.readers()).filter(({ name }) => name.includes(only));
    for (const { name, most = Number.POSITIVE_INFINITY } of readers) {
      const largest = Math.min(size, most);
      for (const part of once ? [1] : [4, 2, 1]) {
        for (const [shape, ms] of await process.read({ reader: name, size: Math.floor(largest / part) })) {
          const row = `${name}: ${shape}`;
          grown.set(row, [...(grown.get(row) ?? []), ms]);
        }
      }
      tell(`${name} is read`);
    }
    return reportOf(readers.length, grown, process.problems);
  } finally {
    process.stop();
  }
}

function reportOf(readers: number, grown: ReadonlyMap<string, number[]>, stuck: readonly string[]): GrowthReport {
  const rows = [...grown].map(([name, ms]) => ({
    name,
    ms: ms.map((each) => Math.round(each)),
    times: Math.round((10 * ms.at(-1)!) / Math.max(1, ms[0]!)) / 10,
  }));
  const steep = rows.filter(({ ms, times }) =>
    ms.length > 1 ? times > mostTimes && ms.at(-1)! > leastMs : ms[0]! > mostOnceMs,
  );
  return {
    readers,
    shapes: rows.length,
    worst: rows.toSorted((a, b) => b.ms.at(-1)! - a.ms.at(-1)!).slice(0, 8),
    problems: [...stuck, ...steep.map(({ name, ms }) => `${name}: ${ms.join(', ')} ms`)],
  };
}

class GrowthProcess {
  readonly problems: string[] = [];
  #child: ChildProcess | undefined;

  async readers() {
    const said = await this.#until('readers');
    return (said.at(-1) as Extract<FromGrowth, { type: 'readers' }>).readers;
  }

  /** Milliseconds by shape; what comes to no end is a problem, and so are the shapes behind it unread. */
  async read(order: ToGrowth): Promise<[string, number][]> {
    if (!this.#child) await this.readers();
    const said = this.#until('done', order.reader);
    this.#child!.send(order);
    return (await said).flatMap((one) => (one.type === 'read' ? [[one.shape, one.ms]] : []));
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #until(type: FromGrowth['type'], reader = ''): Promise<FromGrowth[]> {
    this.#child ??= fork(main, [], { execArgv: childExecArgv(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const child = this.#child;
    const said: FromGrowth[] = [];
    return await new Promise((resolve) => {
      let patience = setTimeout(giveUp, patienceMs);
      function settle(): void {
        clearTimeout(patience);
        child.off('message', take);
        child.off('exit', died);
        resolve(said);
      }
      const fail = (why: string) => {
        const begun = said.findLast((one) => one.type === 'begins');
        this.problems.push(`${reader}: ${begun?.shape ?? 'its shapes'} ${why}`);
        this.stop();
        settle();
      };
      function giveUp(): void {
        fail(`took more than ${patienceMs / 1000} s`);
      }
      const died = () => fail('ended the process');
      const take = (one: FromGrowth) => {
        said.push(one);
        clearTimeout(patience);
        patience = setTimeout(giveUp, patienceMs);
        if (one.type === type) settle();
      };
      child.on('message', take);
      child.once('exit', died);
    });
  }
}
