/** A picture as one field of a form: chosen, dropped or pasted; kept in the browser until the form is sent. */

import { Show } from 'solid-js';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';
import type { FieldIds } from './field.tsx';
import { Icon } from './icon.tsx';
import { Thumbnail } from './thumbnail.tsx';

interface PictureFieldProps {
  readonly ids: FieldIds;
  /** Its name, as drafts have it. */
  readonly value: string | undefined;
  readonly onChange: (name: string | undefined) => void;
}

export function PictureField(props: PictureFieldProps) {
  const { bring } = useStudio();
  const take = async (file: File | undefined) => await bring(file, props.onChange);
  return (
    <div class="row">
      <Show when={props.value}>{(name) => <Thumbnail name={name()} alt="" />}</Show>
      <label
        class="flex-1 border border-dashed border-line rounded-lg p-4 text-center hint cursor-pointer hover:border-dim focus-within:border-accent"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          void take(event.dataTransfer?.files[0]);
        }}
      >
        {words().create.startHint}
        <input
          {...props.ids}
          type="file"
          accept="image/*"
          class="sr-only"
          onChange={(event) => void take(event.currentTarget.files?.[0])}
        />
      </label>
      <Show when={props.value !== undefined}>
        <button
          type="button"
          class="btn-quiet px-2"
          aria-label={words().common.remove}
          onClick={() => props.onChange(undefined)}
        >
          <Icon name="close" />
        </button>
      </Show>
    </div>
  );
}
