/** What can be done with a picture, wherever it is shown: each said in one place, with what is told afterwards. */

import { useNavigate } from '@solidjs/router';
import type { WireImage } from '#server/native/wire';
import { galleryPicture } from '../canvas/pictures.ts';
import { recall, withValue } from '../state/draft.ts';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';

/** The rating that favourites have. */
const favourite = 5;

export const isFavourite = (image: WireImage): boolean => image.rating === favourite;

export function usePictureActions() {
  const studio = useStudio();
  const { draft } = studio;
  const navigate = useNavigate();
  const recordOf = (image: WireImage) => image as unknown as Readonly<Record<string, unknown>>;
  const rate = (image: WireImage, rating: number) =>
    void studio.attempt(async () => await studio.api.changeImage({ id: image.id, rating }));
  return {
    reuseAll(image: WireImage) {
      studio.redraft(recall(recordOf(image), draft.fields()), words().create.recalled);
      navigate('/');
    },
    reusePrompt(image: WireImage) {
      const prompts = draft.fields().filter(({ control }) => control === 'prompt');
      const next = prompts.reduce(
        (values, { name }) => withValue(values, name, recordOf(image)[name] || undefined),
        draft.values(),
      );
      studio.redraft(next, words().create.promptKept);
    },
    keepSeed(image: WireImage) {
      const seed = draft.fields().find(({ control }) => control === 'seed');
      if (seed) studio.redraft(withValue(draft.values(), seed.name, image.seed), words().create.seedKept);
    },
    /** As the start picture, to draw on. */
    toCanvas(image: WireImage) {
      studio.startFrom(galleryPicture(image.id));
      navigate('/?mode=canvas');
    },
    rate,
    /** Five stars, or none. */
    toggleFavourite: (image: WireImage) => rate(image, isFavourite(image) ? 0 : favourite),
  };
}
