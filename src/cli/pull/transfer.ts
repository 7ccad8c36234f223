/** How far a pull is, in words and for programs. */

import type { PullPlan } from '#studio/pull/plan';
import type { Step, Told } from '../progress.ts';
import { formatBytes, formatDuration } from '../terminal.ts';

/** Bytes of all files, and how fast they come. */
export class Transfer {
  readonly #now: () => number;
  readonly #done: number[] = [];
  readonly #totals: (number | undefined)[] = [];
  #since: { readonly at: number; readonly bytes: number } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  plan({ files }: PullPlan): void {
    for (const { bytes } of files) {
      this.#done.push(0);
      this.#totals.push(bytes);
    }
  }

  update(file: number, done: number, total: number | undefined): void {
    this.#done[file] = done;
    if (total !== undefined) this.#totals[file] = total;
    // What an earlier try brought is no speed of this one.
    this.#since ??= { at: this.#now(), bytes: this.done };
  }

  planned(plan: PullPlan): Told {
    this.plan(plan);
    const { title, files, card } = plan;
    const size = this.total === undefined ? '' : `, ${formatBytes(this.total)}`;
    const what = files.length === 1 ? files[0]!.name : `${files.length} files`;
    return {
      json: { type: 'plan', title, files: files.map(({ name, bytes }) => ({ name, bytes })) },
      note: `${title}: ${what}${size}${card.licence ? `, licence ${card.licence}` : ''}`,
    };
  }

  step(): Step {
    const { done, total, speed, left } = this;
    const of = total === undefined ? '' : ` of ${formatBytes(total)}`;
    const rate = speed === undefined ? '' : `, ${formatBytes(speed)}/s`;
    const line = `${formatBytes(done)}${of}${rate}${left === undefined ? '' : `, ETA ${formatDuration(left)}`}`;
    const percent = total ? `${Math.floor((100 * done) / total)}%  ` : '';
    // Without a total the bar stays full rather than guess.
    return { json: { type: 'progress', done, total, speed }, done, total: total ?? done, line, beside: percent + line };
  }

  stopped(): Told {
    return {
      json: { type: 'stopped', done: this.done },
      note: `Stopped; ${formatBytes(this.done)} are kept. The same command goes on from there.`,
    };
  }

  get done(): number {
    return this.#done.reduce((sum, bytes) => sum + bytes, 0);
  }

  get total(): number | undefined {
    if (this.#totals.length === 0 || this.#totals.includes(undefined)) return undefined;
    return this.#totals.reduce<number>((sum, bytes) => sum + bytes!, 0);
  }

  /** Bytes per second. */
  get speed(): number | undefined {
    if (!this.#since) return undefined;
    const seconds = (this.#now() - this.#since.at) / 1000;
    return seconds < 0.5 ? undefined : Math.max(0, this.done - this.#since.bytes) / seconds;
  }

  /** Seconds. */
  get left(): number | undefined {
    const { speed, total } = this;
    return speed === undefined || speed === 0 || total === undefined ? undefined : (total - this.done) / speed;
  }
}

export const installed = (paths: readonly string[]): Told => ({
  json: { type: 'installed', paths },
  result: paths.join('\n'),
});
