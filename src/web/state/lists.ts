/** Jobs and pictures as events change them. Events may come twice or late (after a reconnect): newest knowledge wins. */

import type { WireImage, WireJob } from '#server/native/wire';

export function putJob(jobs: readonly WireJob[], job: WireJob): WireJob[] {
  return jobs.some(({ id }) => id === job.id) ? jobs.map((each) => (each.id === job.id ? job : each)) : [...jobs, job];
}

/** From an answer, which events may have overtaken: what they said of the job already is newer. */
export function putAnswer(jobs: readonly WireJob[], job: WireJob): WireJob[] {
  return jobs.some(({ id }) => id === job.id) ? [...jobs] : [...jobs, job];
}

export function without<T extends { readonly id: string }>(list: readonly T[], id: string): T[] {
  return list.filter((each) => each.id !== id);
}

/** In the order in which they will run: the running ones, then by priority and place. */
export function openJobs(jobs: readonly WireJob[]): WireJob[] {
  const rank = (job: WireJob) => (job.state === 'running' ? 0 : job.state === 'queued' ? 1 : 2);
  return jobs
    .filter(({ state }) => state === 'running' || state === 'queued' || state === 'paused')
    .sort((a, b) => rank(a) - rank(b) || b.priority - a.priority || a.position - b.position);
}

/** Newest first. */
export function failedJobs(jobs: readonly WireJob[]): WireJob[] {
  return jobs.filter(({ state }) => state === 'failed').sort((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0));
}

export interface Pictures {
  /** Newest first. */
  readonly images: readonly WireImage[];
  /** On all pages. */
  readonly total: number;
  /** Of the next page; absent on the last. */
  readonly cursor?: string;
}

/**
 * A picture that is new, changed or back from the trash goes to its place; one in the trash leaves. An older one than
 * those shown comes with its page, unless it was shown.
 */
export function putImage(pictures: Pictures, image: WireImage): Pictures {
  const { images, total, cursor } = pictures;
  if (image.trashedAt !== undefined) return takeImage(pictures, image.id);
  if (images.some(({ id }) => id === image.id)) {
    return { ...pictures, images: images.map((each) => (each.id === image.id ? image : each)) };
  }
  const place = images.findIndex((each) => isNewer(image, each));
  if (place < 0 && cursor !== undefined) return { ...pictures, total: total + 1 };
  const at = place < 0 ? images.length : place;
  return { ...pictures, images: images.toSpliced(at, 0, image), total: total + 1 };
}

export function takeImage(pictures: Pictures, id: string): Pictures {
  const images = without(pictures.images, id);
  return images.length === pictures.images.length
    ? pictures
    : { ...pictures, images, total: Math.max(images.length, pictures.total - 1) };
}

/** The next page behind what is there; pictures that moved between pages come once. */
export function addPage(pictures: Pictures, page: Pictures): Pictures {
  const known = new Set(pictures.images.map(({ id }) => id));
  const { cursor } = page;
  return {
    images: [...pictures.images, ...page.images.filter(({ id }) => !known.has(id))],
    total: page.total,
    ...(cursor === undefined ? {} : { cursor }),
  };
}

/** The id beside a picture, for a viewer that walks through them; undefined at the end. */
export function neighbour(images: readonly WireImage[], id: string, step: 1 | -1): string | undefined {
  const at = images.findIndex((each) => each.id === id);
  return at < 0 ? undefined : images[at + step]?.id;
}

function isNewer(a: WireImage, b: WireImage): boolean {
  return a.createdAt === b.createdAt ? a.id > b.id : a.createdAt > b.createdAt;
}
