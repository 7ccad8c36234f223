/** A model file that was dropped on the page: what it is and whether it can be used, before it is put into a folder. */

import { createResource, For, Show } from 'solid-js';
import { Icon } from '../ui/icon.tsx';
import { fileSize, parameterCount } from '../words/figures.ts';
import { words } from '../words/index.ts';

interface BroughtProps {
  readonly file: File;
  readonly onClose: () => void;
}

export function BroughtModel(props: BroughtProps) {
  const [found] = createResource(
    () => props.file,
    async (file) => await (await import('./look-into.ts')).lookInto(file),
  );
  return (
    <section class="card p-4 mb-4 stack" aria-label={words().models.broughtTitle}>
      <div class="row">
        <h2 class="title truncate">{props.file.name}</h2>
        <button
          type="button"
          class="btn-quiet ml-auto px-2"
          aria-label={words().common.close}
          onClick={() => props.onClose()}
        >
          <Icon name="close" />
        </button>
      </div>
      <Show when={!found.loading && found()} fallback={<p class="hint">{words().common.loading}</p>}>
        {(model) => (
          <>
            <p>{model().title}</p>
            <Show when={model().problem}>{(problem) => <p class="problem-text">{problem()}</p>}</Show>
            <dl class="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm m-0 max-h-100 overflow-auto">
              <For each={rowsOf(props.file, model())}>
                {([name, value]) => (
                  <>
                    <dt class="text-dim break-all">{name}</dt>
                    <dd class="m-0 [overflow-wrap:anywhere]">{value}</dd>
                  </>
                )}
              </For>
            </dl>
          </>
        )}
      </Show>
      <p class="hint">{words().models.broughtHint}</p>
    </section>
  );
}

type Found = Awaited<ReturnType<typeof import('./look-into.ts').lookInto>>;

function rowsOf({ size }: File, model: Found): (readonly [string, string])[] {
  const { facts, parameters, kinds, trained } = words().models;
  const { kind, family, variant, metadata, trainedTags } = model;
  const all: Readonly<Record<string, string | undefined>> = {
    kind: kind === 'unknown' ? undefined : (kinds[kind] ?? kind),
    family,
    variant,
    size: fileSize(size),
    parameters: model.parameters > 0 ? parameters(parameterCount(model.parameters)) : undefined,
    trained: trainedTags.map(([word, count]) => `${word} (${count})`).join(', '),
    ...metadata,
  };
  const names: Readonly<Record<string, string | undefined>> = { ...facts, trained };
  return Object.entries(all).flatMap(([name, value]) => (value ? [[names[name] ?? name, value] as const] : []));
}
