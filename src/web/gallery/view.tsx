/** The gallery: search and filters in the address, rows that are drawn only where one looks, many pictures at once. */

import { A, useNavigate, useSearchParams } from '@solidjs/router';
import { createMemo, createSignal, onCleanup, onMount, Show, Suspense } from 'solid-js';
import { fileAddress } from '../api.ts';
import { usePictures } from '../create/latest.ts';
import { picturesOf } from '../state/lists.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { dropsOf } from '../ui/drops.ts';
import { Empty } from '../ui/empty.tsx';
import { ForGoodButton } from '../ui/for-good-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { useKeptFocus } from '../ui/kept-focus.ts';
import { PageHead } from '../ui/page-head.tsx';
import { isTyping } from '../ui/typing.ts';
import { words } from '../words/index.ts';
import { BoardMenu } from './board-menu.tsx';
import { Brought, ReadButton } from './brought.tsx';
import { Filters, filterOf, type GalleryParams } from './filters.tsx';
import { Grid } from './grid.tsx';

export default function Gallery() {
  const studio = useStudio();
  const [params, setParams] = useSearchParams<GalleryParams>();
  const filter = createMemo(() => filterOf(params));
  const query = usePictures(filter);
  const images = createMemo(() => picturesOf(query.data));
  const total = () => query.data?.pages.at(-1)?.total ?? 0;
  const [brought, setBrought] = createSignal<File>();
  const [selected, setSelected] = createSignal<ReadonlySet<string>>(new Set());
  const navigate = useNavigate();
  const mayMake = useMayMake();
  const trashed = () => params.trashed === 'true';
  const isWholeTrash = () => trashed() && filterOf({ ...params, trashed: undefined }) === '';
  const chosen = () => images().filter(({ id }) => selected().has(id));
  const none = () => setSelected(new Set<string>());
  const keptFocus = useKeptFocus(() => [images(), selected()]);
  const remove = async () => {
    await studio.trash(chosen());
    none();
  };
  const restore = async () => {
    const ids = chosen().map(({ id }) => id);
    await studio.attempt(() => studio.api.restoreImages({ ids }));
    none();
  };
  /** All that lies in the trash where ids are left out. */
  const purge = async (ids?: readonly string[]) => {
    const done = await studio.attempt(() => studio.api.purgeImages({ ids: ids && [...ids] }));
    if (done) studio.say({ kind: 'info', text: words().gallery.removed(done.removed) });
    none();
  };
  /** From the one end to the other, however many lie between: the oldest are the first of another order. */
  const jump = (order: string | undefined) => {
    setParams({ order });
    scrollTo(0, 0);
  };
  useGalleryKeys({
    Delete: () => selected().size > 0 && !trashed() && void remove(),
    Escape: none,
    End: () => jump('oldest'),
    Home: () => jump(undefined),
    all: () => setSelected(new Set(images().map(({ id }) => id))),
  });
  const emptyText = () => {
    const { empty, trashIsEmpty, noneFit } = words().gallery;
    if (isWholeTrash()) return trashIsEmpty;
    return filter() === '' ? empty : noneFit;
  };
  return (
    <section
      aria-label={words().gallery.all}
      class="flex-1 flex flex-col px-3 md:px-6"
      {...dropsOf(setBrought)}
      {...keptFocus}
    >
      <PageHead title={words().gallery.title} note={words().gallery.count(total())}>
        <ReadButton onChoose={setBrought} />
        <Show when={isWholeTrash() && mayMake() && images().length > 0 && selected().size === 0}>
          <ForGoodButton text={words().gallery.emptyTrash} onRemove={() => void purge()} />
        </Show>
        <button
          type="button"
          class="btn"
          aria-pressed={trashed()}
          onClick={() => setParams({ trashed: trashed() ? undefined : 'true' })}
        >
          <Icon name="trash" /> {words().gallery.trash}
        </button>
      </PageHead>
      <Show when={brought()} keyed>
        {(file) => (
          <Suspense>
            <Brought file={file} onClose={() => setBrought(undefined)} />
          </Suspense>
        )}
      </Show>
      <Filters />
      <Show when={selected().size > 0}>
        <Selection
          ids={chosen().map(({ id }) => id)}
          board={params.board}
          trashed={trashed()}
          onRemove={() => void remove()}
          onRestore={() => void restore()}
          onPurge={() => void purge(chosen().map(({ id }) => id))}
          onClear={none}
        />
      </Show>
      <Show
        when={images().length > 0}
        fallback={
          <Show when={!query.isPending} fallback={<p class="p-6 text-dim">{words().common.loading}</p>}>
            <Empty text={emptyText()}>
              <Show when={filter() === '' && mayMake()}>
                <A class="btn-primary" href="/">
                  <Icon name="create" /> {words().gallery.make}
                </A>
              </Show>
            </Empty>
          </Show>
        }
      >
        <Grid
          images={images()}
          selected={selected()}
          onSelect={setSelected}
          onOpen={(id) => navigate(`/gallery/${id}${filter() === '' ? '' : `?${filter()}`}`)}
          onEnd={() => {
            if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
          }}
        />
      </Show>
    </section>
  );
}

/** `all`: Ctrl+A. */
function useGalleryKeys(does: Readonly<Record<'Delete' | 'Escape' | 'End' | 'Home' | 'all', () => unknown>>): void {
  const onKeyDown = (event: KeyboardEvent) => {
    const { key } = event;
    if (isTyping(event.target)) return;
    if (key === 'a' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      does.all();
    } else if (key === 'Delete' || key === 'Escape' || key === 'End' || key === 'Home') does[key]();
  };
  onMount(() => document.addEventListener('keydown', onKeyDown));
  onCleanup(() => document.removeEventListener('keydown', onKeyDown));
}

/** As many as one archive takes. */
const mostArchived = 300;

interface SelectionProps {
  readonly ids: readonly string[];
  /** That is looked at. */
  readonly board: string | undefined;
  readonly trashed: boolean;
  readonly onRemove: () => void;
  readonly onRestore: () => void;
  readonly onPurge: () => void;
  readonly onClear: () => void;
}

function Selection(props: SelectionProps) {
  const mayMake = useMayMake();
  return (
    <div class="card sticky top-16 z-10 p-2 mb-3 row flex-wrap" role="status">
      <span class="px-2 font-medium">{words().gallery.selected(props.ids.length)}</span>
      <Show when={mayMake()}>
        <Show
          when={props.trashed}
          fallback={
            <>
              <BoardMenu ids={props.ids} board={props.board} />
              <button type="button" class="btn-danger" onClick={() => props.onRemove()}>
                <Icon name="trash" /> {words().common.delete}
              </button>
            </>
          }
        >
          <button type="button" class="btn" onClick={() => props.onRestore()}>
            <Icon name="reuse" /> {words().common.restore}
          </button>
          <ForGoodButton text={words().gallery.removeForGood} onRemove={() => props.onPurge()} />
        </Show>
      </Show>
      <Show when={props.ids.length <= mostArchived}>
        <a class="btn" href={fileAddress('archiveImages', { ids: [...props.ids] })} download="">
          <Icon name="download" /> {words().gallery.archive}
        </a>
      </Show>
      <button type="button" class="btn-quiet ml-auto" onClick={() => props.onClear()}>
        <Icon name="close" /> {words().gallery.clearSelection}
      </button>
    </div>
  );
}
