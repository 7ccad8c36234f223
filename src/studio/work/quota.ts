/** What may wait in the queue and lie on the disk, looked at before a job is taken. */

import { UserError } from '#core/errors';
import type { Gallery } from '../gallery/gallery.ts';
import type { SqliteJobQueue } from '../queue/sqlite-queue.ts';
import type { Settings } from '../settings/settings.ts';
import type { Database } from '../store/database.ts';
import type { InputFiles } from './inputs.ts';

export interface QuotaParts {
  readonly db: Database;
  readonly queue: Pick<SqliteJobQueue, 'waiting'>;
  readonly gallery: Pick<Gallery, 'bytesOf'>;
  readonly settings: Pick<Settings, 'get'>;
  readonly inputs: Pick<InputFiles, 'sizeOf'>;
}

export class Quota {
  readonly #parts: QuotaParts;
  /** Whose jobs are being made ready, one for each: they are not in the queue yet, and will be. */
  readonly #coming: string[] = [];

  constructor(parts: QuotaParts) {
    this.#parts = parts;
  }

  /**
   * What `work` gives, which makes jobs ready and queues them. Their places are theirs from the start: many requests at
   * once must not all find room for themselves alone.
   * @param users whose jobs they are, one for each job
   * @throws UserError `queue.full`, `disk.share` that say the bound, and the setting that raises it
   */
  async within<T>(users: readonly string[], work: () => Promise<T>): Promise<T> {
    this.#check(users);
    this.#coming.push(...users);
    try {
      return await work();
    } finally {
      for (const user of users) this.#coming.splice(this.#coming.indexOf(user), 1);
    }
  }

  #check(users: readonly string[]): void {
    const { queue, settings } = this.#parts;
    const { maxWaitingJobs, maxWaitingJobsPerUser } = settings.get();
    const each = new Set(users);
    for (const user of each) this.#checkDisk(user);
    const all = [...this.#coming, ...users];
    if (queue.waiting() + all.length > maxWaitingJobs) throw full(maxWaitingJobs, 'jobs', 'maxWaitingJobs');
    for (const user of each) {
      const own = all.filter((name) => name === user).length;
      if (queue.waiting(user) + own > maxWaitingJobsPerUser)
        throw full(maxWaitingJobsPerUser, 'jobs of one account', 'maxWaitingJobsPerUser');
    }
  }

  #checkDisk(user: string): void {
    const { db, gallery, inputs, settings } = this.#parts;
    const { maxDiskMibPerUser } = settings.get();
    if (maxDiskMibPerUser === 0) return;
    const jobs = db.all<{ id: string }>("SELECT id FROM jobs WHERE user = ? AND inputs <> '[]'", [user]);
    const used = gallery.bytesOf(user) + inputs.sizeOf(jobs.map(({ id }) => id));
    if (used < maxDiskMibPerUser * 2 ** 20) return;
    const what = `The pictures of ${user} take ${Math.ceil(used / 2 ** 20)} MiB of the ${maxDiskMibPerUser} that an account may have`;
    throw new UserError(
      'disk.share',
      `${what}; purge the trash, clear jobs that have ended, or raise the setting maxDiskMibPerUser.`,
    );
  }
}

function full(most: number, jobs: string, setting: string): UserError {
  const advice = `try again when some are done, or raise the setting ${setting}`;
  return new UserError('queue.full', `At most ${most} ${jobs} may wait; ${advice}.`);
}
