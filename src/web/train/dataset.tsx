/** One set of pictures to train on: bring pictures, say what each shows, and see what is odd about them. */

import { A, useParams } from '@solidjs/router';
import { createSignal, For, Show } from 'solid-js';
import { fileAddress } from '../api.ts';
import { dataUrl } from '../canvas/pictures.ts';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Empty } from '../ui/empty.tsx';
import { ForGoodButton } from '../ui/for-good-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { words } from '../words/index.ts';

function useDataset(name: () => string) {
  const { api } = useStudio();
  return useQuery(() => ({
    queryKey: keys.dataset(name()),
    queryFn: async () => await api.getDataset({ name: name() }),
    retry: false,
  }));
}

type Set = NonNullable<ReturnType<typeof useDataset>['data']>;
type Picture = Set['pictures'][number];

export default function Dataset() {
  const params = useParams<{ name: string }>();
  const name = () => decodeURIComponent(params.name);
  const set = useDataset(name);
  const mayMake = useMayMake();
  const again = async () => void (await set.refetch());
  return (
    <div class="flex-1 flex flex-col gap-4 px-3 md:px-6 pb-8">
      <A href="/train" class="btn-quiet self-start mt-4 -ml-2">
        <Icon name="left" /> {words().train.title}
      </A>
      <Show
        when={set.isSuccess && set.data}
        fallback={<Empty text={set.isError ? words().datasets.gone : words().common.loading} />}
      >
        {(found) => (
          <>
            <PageHead title={name()} note={words().datasets.count(found().pictures.length)}>
              <Show when={mayMake() && found().pictures.length > 0}>
                <A class="btn-primary" href={`/train?data=${encodeURIComponent(`dataset:${name()}`)}`}>
                  <Icon name="train" /> {words().datasets.use}
                </A>
              </Show>
            </PageHead>
            <Show when={mayMake()}>
              <Bring name={name()} onBrought={again} />
            </Show>
            <Report of={found()} />
            <ul class="grid sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-4 gap-4">
              <For each={found().pictures}>
                {(picture) => <PictureCard set={name()} picture={picture} locked={!mayMake()} onChange={again} />}
              </For>
            </ul>
          </>
        )}
      </Show>
    </div>
  );
}

/** One request a picture, so that a large folder is no large request, and one bad file stops no other. */
function Bring(props: { readonly name: string; readonly onBrought: () => Promise<void> }) {
  const studio = useStudio();
  const [left, setLeft] = createSignal(0);
  const bring = async (files: readonly File[]) => {
    const captions = new Map(files.filter(isText).map((file) => [stemOf(file), file]));
    const pictures = files.filter((file) => !isText(file));
    setLeft(pictures.length);
    for (const file of pictures) {
      await studio.attempt(async () => {
        const caption = (await captions.get(stemOf(file))?.text())?.trim();
        await studio.api.addToDataset({ name: props.name, pictures: [await dataUrl(file)], caption });
      });
      setLeft((now) => now - 1);
    }
    await props.onBrought();
    await studio.client.invalidateQueries({ queryKey: keys.datasets });
  };
  return (
    <label
      class="border border-dashed border-line rounded-lg p-6 text-center hint cursor-pointer hover:border-dim focus-within:border-accent"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void bring([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <span role="status">{left() > 0 ? words().datasets.bringing(left()) : words().datasets.bring}</span>
      <input
        type="file"
        multiple
        accept="image/*,.txt"
        class="sr-only"
        onChange={(event) => {
          void bring([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = '';
        }}
      />
    </label>
  );
}

const isText = ({ name }: File) => name.toLowerCase().endsWith('.txt');
const stemOf = ({ name }: File) => name.slice(0, name.lastIndexOf('.'));

/** What is odd, each with the pictures that are. */
function Report(props: { readonly of: Set }) {
  const rows = () => {
    const { withoutCaption, broken, tiny, nearDuplicates, oddEncodings } = props.of.report;
    const { report } = words().datasets;
    const all: readonly (readonly [string, readonly string[]])[] = [
      [report.broken, broken],
      [report.tiny, tiny],
      [report.duplicates, nearDuplicates.map((group) => group.join(' = '))],
      [report.odd, oddEncodings],
      [report.withoutCaption, withoutCaption],
    ];
    return all.filter(([, names]) => names.length > 0);
  };
  return (
    <Show when={rows().length > 0}>
      <ul class="card p-3 text-sm flex flex-col gap-1" aria-label={words().datasets.report.title}>
        <For each={rows()}>
          {([text, names]) => (
            <li>
              <b>
                {text}: {names.length}
              </b>{' '}
              <span class="hint break-words">{names.join(', ')}</span>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

interface PictureCardProps {
  readonly set: string;
  readonly picture: Picture;
  readonly locked: boolean;
  readonly onChange: () => Promise<void>;
}

function PictureCard(props: PictureCardProps) {
  const studio = useStudio();
  const at = () => ({ name: props.set, picture: props.picture.name });
  const then = async (work: () => Promise<unknown>) => {
    await studio.attempt(work);
    await props.onChange();
  };
  return (
    <li class="card overflow-hidden flex flex-col">
      <Show
        when={props.picture.problem === undefined}
        fallback={<p class="problem-text p-3">{`${props.picture.name}: ${props.picture.problem}`}</p>}
      >
        <img
          src={fileAddress('getDatasetPicture', at())}
          alt={props.picture.caption || props.picture.name}
          loading="lazy"
          class="w-full aspect-square object-contain bg-sunk"
        />
      </Show>
      <div class="p-2 flex flex-col gap-2 flex-1">
        <textarea
          rows="2"
          class="field-box text-sm"
          aria-label={words().datasets.caption(props.picture.name)}
          placeholder={words().datasets.captionHint}
          disabled={props.locked}
          value={props.picture.caption ?? ''}
          onChange={({ currentTarget: { value } }) =>
            void then(async () => await studio.api.setCaption({ ...at(), caption: value }))
          }
        />
        <div class="row">
          <span class="hint flex-1 truncate tabular-nums" title={props.picture.name}>
            {props.picture.width} × {props.picture.height}
          </span>
          <Show when={!props.locked}>
            <ForGoodButton
              small
              label={`${words().common.delete}: ${props.picture.name}`}
              onRemove={() => void then(async () => await studio.api.removeFromDataset(at()))}
            />
          </Show>
        </div>
      </div>
    </li>
  );
}
