/** A model file that was dropped on the page: what it is and whether it can be used, before it is put into a folder. */

import { createResource, Show } from 'solid-js';
import { FactList } from '../ui/facts.tsx';
import { FileHead } from '../ui/file-head.tsx';
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
      <FileHead name={props.file.name} onClose={props.onClose} />
      <Show when={!found.loading && found()} fallback={<p class="hint">{words().common.loading}</p>}>
        {(model) => (
          <>
            <p>{model().title}</p>
            <Show when={model().problem}>{(problem) => <p class="problem-text">{problem()}</p>}</Show>
            <FactList rows={rowsOf(props.file, model())} />
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
