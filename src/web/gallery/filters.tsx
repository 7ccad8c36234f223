/** What of the gallery is shown, kept in the address: Back works, and a filtered view can be sent to someone. */

import { useSearchParams } from '@solidjs/router';
import { Show } from 'solid-js';
import { keys } from '../state/keys.ts';
import { useBoards } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { Select } from '../ui/select.tsx';
import { words } from '../words/index.ts';

export type GalleryParams = {
  text: string;
  model: string;
  minRating: string;
  board: string;
  tags: string;
  /** The last day, as 2026-11-27. */
  to: string;
  order: string;
  trashed: string;
};

const names = ['text', 'model', 'minRating', 'board', 'tags', 'to', 'order', 'trashed'] as const;

/** The filter as a query of the API; empty for all, newest first. */
export function filterOf(params: Partial<Record<keyof GalleryParams, string | string[]>>): string {
  const query = new URLSearchParams();
  for (const name of names) {
    const value = [params[name]].flat()[0];
    if (value) query.set(name, value);
  }
  return query.toString();
}

export function Filters() {
  const { api } = useStudio();
  const [params, setParams] = useSearchParams<GalleryParams>();
  const facets = useQuery(() => ({ queryKey: keys.facets, queryFn: () => api.getFacets() }));
  const boards = useBoards();
  const set = (name: keyof GalleryParams, value: string) => setParams({ [name]: value || undefined });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const models = () => [
    { value: '', label: words().gallery.anyModel },
    ...(facets.data?.models ?? []).map((value) => ({ value, label: value })),
  ];
  const ratings = () => [
    { value: '', label: words().gallery.anyRating },
    ...[1, 2, 3, 4, 5].map((stars) => ({ value: String(stars), label: '★'.repeat(stars) })),
  ];
  const orders = () =>
    Object.entries(words().gallery.orders).map(([value, label]) => ({ value: value === 'newest' ? '' : value, label }));
  return (
    <search class="flex flex-wrap items-center gap-2 pb-3">
      <label class="relative flex-1 at-least-50">
        <Icon name="search" class="size-4 absolute left-3 top-3 text-dim" />
        <input
          type="search"
          class="field-box pl-9"
          placeholder={words().gallery.search}
          aria-label={words().gallery.search}
          value={params.text ?? ''}
          onInput={({ currentTarget: { value } }) => {
            clearTimeout(timer);
            timer = setTimeout(() => set('text', value), 250);
          }}
        />
      </label>
      <Select
        class="w-auto! lt-md:flex-1 md:max-w-45"
        label={words().gallery.model}
        choices={models()}
        value={params.model ?? ''}
        onChange={(v) => set('model', v)}
      />
      <Select
        class="w-auto! lt-md:flex-1"
        label={words().gallery.rating}
        choices={ratings()}
        value={params.minRating ?? ''}
        onChange={(v) => set('minRating', v)}
      />
      <Show when={(boards.data ?? []).length > 0}>
        <Select
          class="w-auto! lt-md:flex-1 md:max-w-45"
          label={words().gallery.board}
          choices={[
            { value: '', label: words().gallery.anyBoard },
            ...(boards.data ?? []).map(({ id, name }) => ({ value: id, label: name })),
          ]}
          value={params.board ?? ''}
          onChange={(v) => set('board', v)}
        />
      </Show>
      <Show when={(facets.data?.tags ?? []).length > 0}>
        <Select
          class="w-auto! lt-md:flex-1 md:max-w-45"
          label={words().gallery.tag}
          choices={[
            { value: '', label: words().gallery.anyTag },
            ...(facets.data?.tags ?? []).map(({ tag, images }) => ({ value: tag, label: `${tag} (${images})` })),
          ]}
          value={params.tags ?? ''}
          onChange={(v) => set('tags', v)}
        />
      </Show>
      <label class="row flex-wrap gap-2 text-sm text-dim max-w-full lt-md:flex-1">
        {words().gallery.until}
        <input
          type="date"
          class="field-box w-auto"
          value={params.to ?? ''}
          onChange={(event) => set('to', event.currentTarget.value)}
        />
      </label>
      <Select
        class="w-auto! lt-md:flex-1"
        label={words().gallery.order}
        choices={orders()}
        value={params.order ?? ''}
        onChange={(v) => set('order', v)}
      />
    </search>
  );
}
