/** One picture with its parameters, at an address of its own; arrows walk through the gallery, Escape goes back. */

import { A, useNavigate, useParams, useSearchParams } from '@solidjs/router';
import { createEffect, createMemo, For, onCleanup, onMount, Show } from 'solid-js';
import type { WireImage } from '#server/native/wire';
import { usePictures } from '../create/latest.ts';
import { Warnings } from '../create/warnings.tsx';
import { LabTools } from '../lab/picture-tools.tsx';
import { keys } from '../state/keys.ts';
import { picturesOf } from '../state/lists.ts';
import { useQuery } from '../state/query.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { Icon } from '../ui/icon.tsx';
import { isTyping } from '../ui/typing.ts';
import { ZoomPicture } from '../ui/zoom-picture.tsx';
import { words } from '../words/index.ts';
import { filterOf, type GalleryParams } from './filters.tsx';
import { Stars, Tags } from './marks.tsx';
import { usePictureActions } from './picture-actions.ts';

export default function Picture() {
  const studio = useStudio();
  const { id } = useParams<{ id: string }>();
  const params = useParams<{ id: string }>();
  const [search] = useSearchParams<GalleryParams>();
  const navigate = useNavigate();
  const filter = createMemo(() => filterOf(search));
  const list = usePictures(filter);
  const image = useQuery(() => ({
    queryKey: keys.picture(params.id ?? id),
    queryFn: async () => await studio.api.getImage({ id: params.id ?? id }),
    retry: false,
  }));
  const beside = (step: 1 | -1) => {
    const images = picturesOf(list.data);
    const at = images.findIndex((each) => each.id === params.id);
    return at < 0 ? undefined : images[at + step]?.id;
  };
  const tail = () => (filter() === '' ? '' : `?${filter()}`);
  /** A step that was asked for before it was known what lies beside. */
  let waiting: 1 | -1 | undefined;
  const walk = (step: 1 | -1) => {
    waiting = list.data === undefined ? step : undefined;
    const next = beside(step);
    if (next !== undefined) navigate(`/gallery/${next}${tail()}`, { replace: true });
  };
  createEffect(() => {
    if (list.data !== undefined && waiting !== undefined) walk(waiting);
  });
  const mayMake = useMayMake();
  const { rate } = usePictureActions();
  const back = () => navigate(`/gallery${tail()}`);
  const remove = (shown: WireImage) => {
    const next = beside(1) ?? beside(-1);
    void studio.trash([shown]);
    navigate(next === undefined ? `/gallery${tail()}` : `/gallery/${next}${tail()}`, { replace: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isTyping(event.target)) return;
    if (event.key === 'ArrowLeft') walk(-1);
    else if (event.key === 'ArrowRight') walk(1);
    else if (event.key === 'Escape') back();
    else if (event.key === 'Delete' && image.isSuccess) remove(image.data);
    else if (/^[0-5]$/.test(event.key) && image.isSuccess && mayMake()) rate(image.data, Number(event.key));
  };
  onMount(() => document.addEventListener('keydown', onKeyDown));
  onCleanup(() => document.removeEventListener('keydown', onKeyDown));
  return (
    <Show
      when={image.isSuccess && image.data}
      fallback={
        <Show when={image.isError} fallback={<p class="p-6 text-dim">{words().common.loading}</p>}>
          <Empty text={words().picture.gone}>
            <button type="button" class="btn" onClick={back}>
              {words().picture.back}
            </button>
          </Empty>
        </Show>
      }
    >
      {(shown) => (
        <article aria-label={words().picture.title} class="flex-1 flex flex-col lg:flex-row min-h-0">
          <figure class="relative flex-1 min-w-0 min-h-[60dvh] m-0 p-3 flex items-center justify-center bg-sunk lg:(h-[calc(100dvh-3.6rem)] sticky top-14.5)">
            <ZoomPicture src={shown().url} alt={shown().prompt} width={shown().width} height={shown().height} />
            <WalkButton step={-1} beside={beside(-1)} onWalk={() => walk(-1)} />
            <WalkButton step={1} beside={beside(1)} onWalk={() => walk(1)} />
          </figure>
          <About image={shown()} onBack={back} onRemove={() => remove(shown())} />
        </article>
      )}
    </Show>
  );
}

interface WalkButtonProps {
  readonly step: 1 | -1;
  readonly beside: string | undefined;
  readonly onWalk: () => void;
}

function WalkButton(props: WalkButtonProps) {
  return (
    <button
      type="button"
      class={`btn absolute top-1/2 rounded-full size-11 p-0 ${props.step < 0 ? 'left-4' : 'right-4'}`}
      aria-label={props.step < 0 ? words().picture.newer : words().picture.older}
      disabled={props.beside === undefined}
      onClick={() => props.onWalk()}
    >
      <Icon name={props.step < 0 ? 'left' : 'right'} />
    </button>
  );
}

interface AboutProps {
  readonly image: WireImage;
  readonly onBack: () => void;
  readonly onRemove: () => void;
}

function About(props: AboutProps) {
  const mayMake = useMayMake();
  return (
    <div class="lg:(w-96 shrink-0 border-l border-line) bg-panel p-4 flex flex-col gap-4">
      <button type="button" class="btn-quiet self-start -ml-2" onClick={() => props.onBack()}>
        <Icon name="left" /> {words().picture.back}
      </button>
      <p class="break-words">{props.image.prompt || words().stage.withoutPrompt}</p>
      <Show when={props.image.negativePrompt}>
        <p class="hint break-words">
          <b>{words().picture.not}:</b> {props.image.negativePrompt}
        </p>
      </Show>
      <Warnings job={props.image.job} />
      <Facts image={props.image} />
      <Show when={mayMake()}>
        <Stars image={props.image} />
        <Tags image={props.image} />
      </Show>
      <Actions image={props.image} onRemove={props.onRemove} />
      <Infotext text={props.image.infotext} />
    </div>
  );
}

/** Every setting that the picture's record tells, by the labels of the settings' rows. */
function Facts(props: { readonly image: WireImage }) {
  const { draft } = useStudio();
  const rows = () => {
    const record = props.image as unknown as Readonly<Record<string, unknown>>;
    const settings = draft
      .fields()
      .filter(({ control, name }) => control !== 'prompt' && control !== 'size' && record[name] !== undefined)
      .map(({ label, name }) => [label, record[name]] as const);
    const { width, height, createdAt } = props.image;
    return [
      ...settings,
      [words().picture.size, `${width} × ${height}`] as const,
      [words().picture.made, new Date(createdAt).toLocaleString()] as const,
    ];
  };
  return (
    <dl class="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm m-0" data-testid="facts">
      <For each={rows()}>
        {([name, value]) => (
          <>
            <dt class="text-dim min-w-0 [overflow-wrap:anywhere]">{name}</dt>
            <dd class="m-0 min-w-0 [overflow-wrap:anywhere] tabular-nums">{String(value)}</dd>
          </>
        )}
      </For>
    </dl>
  );
}

function Actions(props: { readonly image: WireImage; readonly onRemove: () => void }) {
  const studio = useStudio();
  const mayMake = useMayMake();
  const actions = usePictureActions();
  return (
    <div class="flex flex-wrap gap-2">
      <Show when={mayMake()}>
        <button type="button" class="btn-primary" onClick={() => actions.reuseAll(props.image)}>
          <Icon name="reuse" /> {words().picture.reuse}
        </button>
        <button type="button" class="btn" onClick={() => actions.reusePrompt(props.image)}>
          <Icon name="copy" /> {words().picture.reusePrompt}
        </button>
        <button
          type="button"
          class="btn"
          disabled={props.image.seed === undefined}
          onClick={() => actions.keepSeed(props.image)}
        >
          <Icon name="pin" /> {words().picture.keepSeed}
        </button>
        <button type="button" class="btn" onClick={() => actions.toCanvas(props.image)}>
          <Icon name="image" /> {words().picture.asStart}
        </button>
        <ToLab id={props.image.id} />
      </Show>
      <a class="btn" href={`${props.image.url}?download=true`} download="">
        <Icon name="download" /> {words().common.download}
      </a>
      <Show when={mayMake()}>
        <Show
          when={props.image.trashedAt === undefined}
          fallback={
            <button
              type="button"
              class="btn"
              onClick={() => void studio.attempt(() => studio.api.restoreImages({ ids: [props.image.id] }))}
            >
              <Icon name="reuse" /> {words().common.restore}
            </button>
          }
        >
          <button type="button" class="btn-danger" onClick={() => props.onRemove()}>
            <Icon name="trash" /> {words().common.delete}
          </button>
        </Show>
      </Show>
    </div>
  );
}

/** The tools that take a picture, behind one button. */
function ToLab(props: { readonly id: string }) {
  return (
    <details class="relative">
      <summary class="btn list-none">
        <Icon name="lab" /> {words().picture.toLab}
      </summary>
      <ul class="popover w-70 gap-1">
        <LabTools id={props.id} class="btn-quiet w-full justify-start" />
      </ul>
    </details>
  );
}

function Infotext(props: { readonly text: string }) {
  const studio = useStudio();
  const copy = async () => {
    await navigator.clipboard.writeText(props.text);
    studio.say({ kind: 'info', text: words().picture.copied });
  };
  return (
    <details>
      <summary class="hint cursor-pointer">{words().picture.infotext}</summary>
      <pre class="whitespace-pre-wrap break-words text-xs bg-sunk rounded-lg p-3">{props.text}</pre>
      <button type="button" class="btn" onClick={() => void copy()}>
        <Icon name="copy" /> {words().picture.copy}
      </button>
    </details>
  );
}
