/** The newest pictures, as the strip and the stage show them. */

import type { WireImage, WireImagePage } from '#server/native/wire';
import { keys } from '../state/keys.ts';
import { picturesOf } from '../state/lists.ts';
import { useInfiniteQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';

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
        limit: 60,
        cursor: pageParam === '' ? undefined : pageParam,
      });
    },
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
