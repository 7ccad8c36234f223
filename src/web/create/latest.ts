/** The newest pictures, as the strip and the stage show them. */

import type { WireImage, WireImagePage } from '#server/native/wire';
import { keys } from '../state/keys.ts';
import { picturesOf } from '../state/lists.ts';
import { useInfiniteQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';

/** Soon there; who scrolls on goes far. */
const firstPage = 60;
const furtherPages = 500;

/** The gallery without a filter, newest first: the same list as there. */
export function usePictures(filter: () => string) {
  const { api } = useStudio();
  return useInfiniteQuery(() => ({
    queryKey: [...keys.pictures, filter()],
    queryFn: async ({ pageParam }: { pageParam: string }) => {
      const { to, tags, ...query } = Object.fromEntries(new URLSearchParams(filter())) as Record<string, string>;
      return await api.searchImages({
        ...query,
        to: endOfDay(to),
        tags: tags === undefined ? undefined : [tags],
        limit: pageParam === '' ? firstPage : furtherPages,
        cursor: pageParam === '' ? undefined : pageParam,
      });
    },
    // Comparing every row of many thousands with what was there, for each page that comes, takes longer than the page.
    structuralSharing: false,
    initialPageParam: '',
    getNextPageParam: (page: WireImagePage) => page.cursor,
  }));
}

/** In the reader's own time; undefined for what is no day. */
function endOfDay(day: string | undefined): number | undefined {
  const end = new Date(`${day}T23:59:59.999`).getTime();
  return Number.isNaN(end) ? undefined : end;
}

export function useLatestPictures(): () => WireImage[] {
  const query = usePictures(() => '');
  return () => picturesOf(query.data);
}
