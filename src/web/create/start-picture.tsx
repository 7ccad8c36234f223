/** The picture that the new one begins from: dropped, pasted, chosen or sent here from the gallery. */

import { A } from '@solidjs/router';
import { Show } from 'solid-js';
import { useStudio } from '../state/studio.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { Thumbnail } from '../ui/thumbnail.tsx';
import { words } from '../words/index.ts';

export function StartPicture() {
  const studio = useStudio();
  const start = () => studio.draft.values()['init'] as string | undefined;
  const masked = () => studio.draft.values()['mask'] !== undefined;
  const take = useTakePicture();
  return (
    <section
      class="flex flex-col gap-2"
      aria-label={words().create.start}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <h2 class="text-sm font-semibold text-dim">{words().create.start}</h2>
      <Show when={start()} keyed fallback={<ChoosePicture onChoose={(file) => void take(file)} />}>
        {(name) => (
          <div class="flex gap-3 card p-2">
            <Thumbnail name={name} alt={words().create.start} />
            <div class="flex-1 flex flex-wrap gap-2 content-center">
              <A class="btn" href="/?mode=canvas">
                <Icon name="brush" /> {words().canvas.open}
              </A>
              <button type="button" class="btn-quiet" onClick={() => studio.startFrom(undefined)}>
                <Icon name="close" /> {words().common.remove}
              </button>
              <Show when={masked()}>
                <span class="hint">{words().canvas.layers.mask}</span>
              </Show>
            </div>
          </div>
        )}
      </Show>
    </section>
  );
}

export function useTakePicture(): (file: File | undefined) => Promise<void> {
  const studio = useStudio();
  return async (file) => await studio.bring(file, studio.startFrom);
}

function ChoosePicture(props: { readonly onChoose: (file: File) => void }) {
  return (
    <FileButton
      class="border border-dashed border-line rounded-lg p-4 text-center hint cursor-pointer hover:border-dim"
      accept="image/*"
      onChoose={props.onChoose}
    >
      {words().create.startHint}
    </FileButton>
  );
}
