/** What each event of the studio changes in the query cache; what the cache does not hold is told on. */

import type { QueryClient } from '@tanstack/solid-query';
import type { WireImage, WireJob, WireProgress, WireStatus } from '#server/native/wire';
import { notify } from '../shell/notify.ts';
import { words } from '../words/index.ts';
import type { EventHandlers } from './connection.ts';
import { keys } from './keys.ts';
import { addPicture, type PicturePages, putJob, putPicture, takePicture, without } from './lists.ts';

interface Told {
  /** Undefined: it has ended, or does not run now. */
  readonly progress: (job: string, progress: WireProgress | undefined) => void;
  readonly preview: (job: string, preview: number) => void;
  readonly latest: (change: (now: WireImage | undefined) => WireImage | undefined) => void;
  readonly failure: (job: WireJob) => void;
  /** More was missed than the server still holds. */
  readonly restart: () => void;
}

export function eventHandlers(client: QueryClient, told: Told): EventHandlers {
  const update = <T>(key: readonly unknown[], change: (data: T) => T) =>
    client.setQueriesData<T>({ queryKey: key }, (data) => (data === undefined ? data : change(data)));
  const stale = (key: readonly unknown[]) => void client.invalidateQueries({ queryKey: key });

  function jobChanged(job: WireJob): void {
    update<WireJob[]>(keys.openJobs, (jobs) => putJob(jobs, job));
    if (job.state !== 'running') told.progress(job.id, undefined);
    if (job.finishedAt !== undefined) stale(keys.endedJobs);
    if (job.state === 'failed') told.failure(job);
    if (job.kind === 'training') {
      stale(keys.trainings);
      stale(keys.training(job.id));
    }
    if (job.kind === 'lab') stale(keys.experimentRuns);
    client.setQueryData(keys.job(job.id), job);
  }

  function pictureChanged(image: WireImage): void {
    for (const [key, data] of client.getQueriesData<PicturePages>({ queryKey: keys.pictures })) {
      if (!data) continue;
      const inTrash = String(key[1]).includes('trashed=true');
      const belongs = inTrash === (image.trashedAt !== undefined);
      client.setQueryData(key, putPicture(data, image, belongs));
      // Back from the trash, or into it: where it belongs, the server knows.
      if (belongs && !data.pages.some(({ images }) => images.some(({ id }) => id === image.id))) stale(key);
    }
    const before = client.getQueryData<WireImage>(keys.picture(image.id));
    if (before === undefined || before.tags.join() !== image.tags.join()) stale(keys.facets);
    client.setQueryData(keys.picture(image.id), image);
    told.latest((now) => (now?.id === image.id ? (image.trashedAt === undefined ? image : undefined) : now));
  }

  function pictureAdded(image: WireImage): void {
    for (const [key, data] of client.getQueriesData<PicturePages>({ queryKey: keys.pictures })) {
      if (data && key[1] === '') client.setQueryData(key, addPicture(data, image));
      else stale(key);
    }
    told.latest(() => image);
    notify(image.prompt || words().stage.withoutPrompt, { icon: image.thumbnailUrl, path: `/gallery/${image.id}` });
    stale(keys.facets);
  }

  return {
    'job.added': (job) => update<WireJob[]>(keys.openJobs, (jobs) => putJob(jobs, job)),
    'job.changed': jobChanged,
    'job.removed': ({ id }) => {
      update<WireJob[]>(keys.openJobs, (jobs) => without(jobs, id));
      stale(keys.endedJobs);
    },
    'job.progress': (data) => told.progress(data.id, data),
    'job.preview': ({ id, preview }) => told.preview(id, preview),
    'image.added': pictureAdded,
    'image.changed': pictureChanged,
    'image.removed': ({ id }) => {
      update<PicturePages>(keys.pictures, (data) => takePicture(data, id));
      told.latest((now) => (now?.id === id ? undefined : now));
    },
    queue: (data) => client.setQueryData(keys.queue, data),
    engine: (engine) =>
      update<WireStatus>(keys.status, (status) => ({
        ...status,
        engines: status.engines.map((each) => (each.device === engine.device ? engine : each)),
      })),
    'settings.changed': (data) => client.setQueryData(keys.settings, data),
    'library.changed': () => {
      stale(keys.models);
      stale(keys.limits);
    },
    'pull.changed': () => stale(keys.pulls),
    'pull.progress': () => stale(keys.pulls),
    'pull.removed': () => stale(keys.pulls),
    reset: told.restart,
  };
}
