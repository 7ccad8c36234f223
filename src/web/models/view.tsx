/** Models: what is on this machine, why something cannot be used, and how to get more. */

import { useSearchParams } from '@solidjs/router';
import { createMemo, createSignal, For, Show, Suspense } from 'solid-js';
import { useModels } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { dropsOf } from '../ui/drops.ts';
import { Empty } from '../ui/empty.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { Select } from '../ui/select.tsx';
import { words } from '../words/index.ts';
import { BroughtModel } from './brought.tsx';
import { ModelCard } from './card.tsx';
import { GetModels } from './get.tsx';

export default function Models() {
  const studio = useStudio();
  const [params, setParams] = useSearchParams<{ get: string }>();
  const getting = () => params.get !== undefined;
  const [brought, setBrought] = createSignal<File>();
  return (
    <section aria-label={words().models.title} class="flex-1 flex flex-col px-3 md:px-6 pb-8" {...dropsOf(setBrought)}>
      <PageHead title={words().models.title}>
        <Group class="row" label={words().models.title}>
          <button type="button" class="chip" aria-pressed={!getting()} onClick={() => setParams({ get: undefined })}>
            {words().models.installed}
          </button>
          <button type="button" class="chip" aria-pressed={getting()} onClick={() => setParams({ get: '1' })}>
            {words().models.get}
          </button>
        </Group>
        <button
          type="button"
          class="btn"
          onClick={() => void studio.attempt(() => studio.api.refreshModels())}
          title={words().models.refresh}
        >
          <Icon name="refresh" /> <span class="hidden sm:inline">{words().models.refresh}</span>
        </button>
        <FileButton label={words().models.lookInto} title={words().models.broughtHint} onChoose={setBrought}>
          <Icon name="search" /> <span class="hidden sm:inline">{words().models.lookInto}</span>
        </FileButton>
      </PageHead>
      <Show when={brought()}>
        {(file) => (
          <Suspense>
            <BroughtModel file={file()} onClose={() => setBrought(undefined)} />
          </Suspense>
        )}
      </Show>
      <Show when={getting()} fallback={<Installed />}>
        <GetModels />
      </Show>
    </section>
  );
}

function Installed() {
  const models = useModels();
  const [text, setText] = createSignal('');
  const [kind, setKind] = createSignal('');
  const kinds = createMemo(() => [...new Set((models.data ?? []).map((model) => model.kind))].sort());
  const shown = () => {
    const wanted = text().toLowerCase().split(/\s+/).filter(Boolean);
    return (models.data ?? []).filter((model) => {
      const about = `${model.name} ${model.title} ${model.family ?? ''} ${model.about}`.toLowerCase();
      return (kind() === '' || model.kind === kind()) && wanted.every((word) => about.includes(word));
    });
  };
  return (
    <>
      <div class="row flex-wrap pb-4">
        <input
          type="search"
          class="field-box flex-1 at-least-50"
          placeholder={words().models.search}
          aria-label={words().models.search}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <Select
          class="w-auto!"
          label={words().models.kind}
          choices={[
            { value: '', label: words().models.allKinds },
            ...kinds().map((value) => ({ value, label: words().models.kinds[value] ?? value })),
          ]}
          value={kind()}
          onChange={setKind}
        />
      </div>
      <Show
        when={shown().length > 0}
        fallback={<Empty text={models.isPending ? words().common.loading : words().common.nothing} />}
      >
        <ul class="grid sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-4 gap-3">
          <For each={shown()}>{(model) => <ModelCard model={model} />}</For>
        </ul>
      </Show>
    </>
  );
}
