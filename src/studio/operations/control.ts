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
  async captionPicture({ image, ...request }, context) {
    const { tags, ...caption } = await context.studio.caption(await context.readPicture(image), request, context);
    return { ...caption, tags: [...tags] };
  },
  async makeHint({ image, mask, ...request }, context) {
    const { studio, readPicture } = context;
    const pictures = {
      image: await readPicture(image),
      mask: mask === undefined ? undefined : await readPicture(mask),
    };
    return { type: 'image/png', body: await studio.makeHint(pictures, request, context) };
  },
} satisfies HandlersOf<typeof control>;
