/** The draft as a request with its pictures. */

import { withPictures } from '../canvas/pictures.ts';
import { requestOf } from '../state/draft.ts';
import { useStudio } from '../state/studio.tsx';

/** @returns undefined where a picture cannot be had, which has been said then */
export function useDraftRequest() {
  const studio = useStudio();
  return async (more: Record<string, unknown> = {}) => {
    // What is being typed counts, although its field was not left yet.
    document.activeElement?.dispatchEvent(new Event('change', { bubbles: true }));
    const { values, fields } = studio.draft;
    return await studio.attempt(
      async () => await withPictures({ ...requestOf(values(), fields()), ...more }, studio.drawing.present()),
    );
  };
}
