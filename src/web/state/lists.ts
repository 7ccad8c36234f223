/** Jobs and pictures as events change them. Events may come twice or late (after a reconnect): newest knowledge wins. */

import type { WireImage, WireImagePage, WireJob } from '#server/native/wire';

export const openStates: readonly WireJob['state'][] = ['running', 'queued', 'paused'];

/** A job as an event tells it: in its place when it runs or waits, gone when it ended. */
export function putJob(jobs: readonly WireJob[], job: WireJob): WireJob[] {
  const others = without(jobs, job.id);
  return inOrder(openStates.includes(job.state) ? [...others, job] : others);
}

/** From an answer, which events may have overtaken: what they said of the job already is newer. */
export function putAnswer(jobs: readonly WireJob[], job: WireJob): WireJob[] {
  return jobs.some(({ id }) => id === job.id) ? [...jobs] : putJob(jobs, job);
}

export function without<T extends { readonly id: string }>(list: readonly T[], id: string): T[] {
  return list.filter((each) => each.id !== id);
}

/** In the order in which they will run: the running ones, then by priority and place, then those that are held. */
export function inOrder(jobs: readonly WireJob[]): WireJob[] {
  const rank = ({ state }: WireJob) => openStates.indexOf(state);
  return [...jobs].sort((a, b) => rank(a) - rank(b) || b.priority - a.priority || a.position - b.position);
}

/** Pages of pictures as a query cache holds them. */
export interface PicturePages {
  readonly pages: WireImagePage[];
  readonly pageParams: unknown[];
}

export function picturesOf(data: PicturePages | undefined): WireImage[] {
  const seen = new Set<string>();
  const pages = data?.pages ?? [];
  // A picture may have moved between two pages while they were read.
  return pages.flatMap(({ images }) => images.filter(({ id }) => !seen.has(id) && seen.add(id) !== undefined));
}

/** A changed picture in its place; one that does not belong to this list any more leaves it. */
export function putPicture(data: PicturePages, image: WireImage, belongs: boolean): PicturePages {
  if (!belongs) return takePicture(data, image.id);
  const pages = data.pages.map((page) => ({
    ...page,
    images: page.images.map((each) => (each.id === image.id ? image : each)),
  }));
  return { ...data, pages };
}

/** A new picture at the head of a list that shows the newest first. */
export function addPicture(data: PicturePages, image: WireImage): PicturePages {
  const [first, ...rest] = data.pages;
  if (!first || first.images.some(({ id }) => id === image.id)) return data;
  const head = { ...first, images: [image, ...first.images], total: first.total + 1 };
  return { ...data, pages: [head, ...rest] };
}

export function takePicture(data: PicturePages, id: string): PicturePages {
  if (!data.pages.some(({ images }) => images.some((image) => image.id === id))) return data;
  const pages = data.pages.map((page) => ({
    ...page,
    images: without(page.images, id),
    total: Math.max(0, page.total - 1),
  }));
  return { ...data, pages };
}
