/** Handlers of control: modules, and hints to look at. */

import type { control } from '#api/operations/control';
import { annotators } from '#pipelines/annotators/index';
import type { HandlersOf } from './context.ts';

export const controlHandlers = {
  async listControlModules(_input, { studio }) {
    const ours = annotators.map(({ name, summary, aliases = [], tags, reads, a, b, ...facts }) => ({
      name,
      summary,
      aliases: [...aliases],
      tags: [...tags],
      reads,
      usesResolution: facts.usesResolution ?? false,
      needsMask: facts.needsMask ?? false,
      thresholdA: a,
      thresholdB: b,
      own: false,
    }));
    const theirs = (await studio.annotators()).map((name) => ({
      name,
      summary: 'Yours, from models/annotators.',
      aliases: [],
      tags: [],
      reads: 'picture' as const,
      usesResolution: true,
      needsMask: false,
      own: true,
    }));
    return { modules: [...ours, ...theirs] };
  },
  async captionPicture({ image, ...request }, { studio, readPicture, signal }) {
    const { tags, ...caption } = await studio.caption(await readPicture(image), request, signal);
    return { ...caption, tags: [...tags] };
  },
  async makeHint({ image, mask, ...request }, { studio, readPicture, signal }) {
    const pictures = {
      image: await readPicture(image),
      mask: mask === undefined ? undefined : await readPicture(mask),
    };
    return { type: 'image/png', body: await studio.makeHint(pictures, request, signal) };
  },
} satisfies HandlersOf<typeof control>;
