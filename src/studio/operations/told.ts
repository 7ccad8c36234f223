/** Records as they are told to a caller: without what is the studio's own business. */

import type { z } from 'zod';
import type { Job } from '#api/records/job';
import type { modelSchema } from '#api/records/model';
import type { pictureSchema } from '#api/records/picture';
import type { Pull } from '#api/records/pull';
import { type Caller, mayChange } from '#api/rights';
import type { GalleryImage } from '../gallery/image.ts';
import type { LibraryModel } from '../library/model.ts';
import type { StudioFolder } from '../studio-folder.ts';

export function toldPicture(image: GalleryImage): z.input<typeof pictureSchema> {
  const url = `/api/v1/images/${image.id}`;
  return {
    ...image,
    tags: [...image.tags],
    boards: [...image.boards],
    url: `${url}/file`,
    thumbnailUrl: `${url}/thumbnail`,
  };
}

/** Where files lie is for those to know who may move them. */
export function locatedPicture(
  image: GalleryImage,
  studio: Pick<StudioFolder, 'gallery'>,
  caller: Caller,
): z.input<typeof pictureSchema> {
  return { ...toldPicture(image), file: mayChange(caller, 'gallery') ? studio.gallery.pathOf(image) : undefined };
}

export function toldModel(model: LibraryModel, caller: Caller): z.input<typeof modelSchema> {
  const { description, root: _root, legacyHash: _legacy, path, ...rest } = model;
  const { family, variant, title: about, problem, parameters, trainedTags } = description;
  return {
    ...rest,
    about,
    parameters,
    trainedTags: trainedTags.map(([tag, count]) => [tag, count]),
    path: mayChange(caller, 'models') ? path : undefined,
    family,
    variant,
    problem,
  };
}

/** Addresses may hold tokens, and everybody may look at downloads; where files lie is for those who may install. */
export function toldPull({ source, title, error, files, ...pull }: Pull, caller: Caller): Pull {
  return {
    ...pull,
    source: withoutSecrets(source),
    title: withoutSecrets(title),
    error: error && { ...error, message: withoutSecrets(error.message) },
    files: mayChange(caller, 'models') ? files : files.map(({ path: _path, ...file }) => file),
  };
}

/** Of a download as much as `toldPull` tells. */
export function toldJob(job: Job, caller: Caller): Job {
  if (job.kind !== 'pull') return job;
  const { label, error, request, result } = job;
  const mayInstall = mayChange(caller, 'models');
  return {
    ...job,
    label: label && withoutSecrets(label),
    request: { ...request, source: withoutSecrets(request.source), root: mayInstall ? request.root : undefined },
    result: mayInstall ? result : undefined,
    error: error && { ...error, message: withoutSecrets(error.message) },
  };
}

/** Passwords out of addresses, and what stands behind their question mark, but for plain numbers. */
function withoutSecrets(text: string): string {
  return text.replaceAll(/https?:\/\/[^\s"'<>]+/gi, (address) => {
    if (!URL.canParse(address)) return address;
    const url = new URL(address);
    const hides = url.username !== '' || [...url.searchParams.values()].some((value) => !/^\d*$/.test(value));
    if (!hides) return address;
    url.username = '';
    url.password = '';
    for (const [name, value] of [...url.searchParams]) if (!/^\d*$/.test(value)) url.searchParams.set(name, '***');
    return url.href;
  });
}
