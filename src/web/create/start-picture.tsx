/** The picture that the new one begins from, dropped, chosen or sent here from the gallery, and the mask painted on it. */

import { createSignal, Show } from 'solid-js';
import { fileAddress } from '../api.ts';
import type { Mask } from '../state/mask.ts';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { MaskEditor } from './mask-editor.tsx';

/** A gallery's picture is named, not copied. */
const named = /^image:(.+)$/;
const maskKey = 'darkroom.mask';

export function StartPicture() {
  const studio = useStudio();
  const { draft } = studio;
  const [painting, setPainting] = createSignal(false);
  const start = () => draft.values()['init'] as string | undefined;
  const masked = () => draft.values()['mask'] !== undefined;
  const idOfStart = () => named.exec(start() ?? '')?.[1];
  const shown = () => (idOfStart() === undefined ? start() : fileAddress('getThumbnail', { id: idOfStart()! }));
  const whole = () => (idOfStart() === undefined ? start()! : fileAddress('getImageFile', { id: idOfStart()! }));
  const take = async (file: File | undefined) => {
    if (!file) return;
    if (!file.type.startsWith('image/')) return studio.say({ kind: 'error', text: words().create.tooBig });
    begin(await dataUrl(file));
  };
  /** A mask belongs to its picture. */
  const begin = (picture: string | undefined) => {
    const { mask: _mask, init: _init, ...rest } = draft.values();
    draft.replace(picture === undefined ? rest : { ...rest, init: picture });
    keepMask(undefined);
  };
  const useMask = (mask: Mask, png: string | undefined) => {
    draft.set('mask', png);
    keepMask(mask);
    setPainting(false);
  };
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
      <Show when={start()} fallback={<ChoosePicture onChoose={(file) => void take(file)} />}>
        <div class="flex gap-3 card p-2">
          <img src={shown()} alt={words().create.start} class="size-20 object-cover rounded-lg" />
          <div class="flex-1 flex flex-wrap gap-2 content-center">
            <button type="button" class="btn" aria-pressed={masked()} onClick={() => setPainting(true)}>
              <Icon name="brush" /> {masked() ? words().mask.change : words().mask.paint}
            </button>
            <button type="button" class="btn-quiet" onClick={() => begin(undefined)}>
              <Icon name="close" /> {words().common.remove}
            </button>
          </div>
        </div>
      </Show>
      <Show when={painting()}>
        <MaskEditor picture={whole()} mask={storedMask()} onDone={useMask} onCancel={() => setPainting(false)} />
      </Show>
    </section>
  );
}

function ChoosePicture(props: { readonly onChoose: (file: File | undefined) => void }) {
  return (
    <label class="border border-dashed border-line rounded-lg p-4 text-center hint cursor-pointer hover:border-dim focus-within:border-accent">
      {words().create.startHint}
      <input
        type="file"
        accept="image/*"
        class="sr-only"
        onChange={(event) => props.onChoose(event.currentTarget.files?.[0])}
      />
    </label>
  );
}

/** Strokes outlive a reload, so that a mask can still be changed then. */
function storedMask(): Mask | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(maskKey) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

function keepMask(mask: Mask | undefined): void {
  try {
    if (mask) sessionStorage.setItem(maskKey, JSON.stringify(mask));
    else sessionStorage.removeItem(maskKey);
  } catch {
    // The mask is in the draft; only its strokes are not kept.
  }
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error('the file could not be read'));
    reader.readAsDataURL(file);
  });
}
