/** A training of a few pictures, watched by its loss; the result is a file, and prompts may use it at once. */

import { createSignal, For, Show } from 'solid-js';
import { pictureSizeOf } from '#training/settings/commons';
import { methodForm } from '#training/settings/forms';
import { fieldsOf } from '../web/state/fields.ts';
import { Curves } from '../web/train/curves.tsx';
import { Field } from '../web/ui/field.tsx';
import { Icon } from '../web/ui/icon.tsx';
import type { Darkroom } from './darkroom.ts';
import { Form, type Values } from './form.tsx';
import type { OpenedModel } from './protocol.ts';
import { readPicture } from './read-picture.ts';
import { words } from './words.ts';

const shown = ['max_train_steps', 'learning_rate', 'network_dim', 'resolution', 'seed'];
const fields = fieldsOf(methodForm('lora')).filter(({ name }) => shown.includes(name));
/** A small model on few pictures learns soon. */
const usual: Values = { max_train_steps: 100 };

interface TrainProps {
  readonly darkroom: Darkroom;
  readonly model: OpenedModel;
}

export function Train(props: TrainProps) {
  const [pictures, setPictures] = createSignal<readonly File[]>([]);
  const [caption, setCaption] = createSignal('');
  const [name, setName] = createSignal('mine');
  const [values, setValues] = createSignal(usual);
  const start = async (): Promise<void> => {
    try {
      const size = pictureSizeOf(values(), props.model.limits);
      const read = await Promise.all(pictures().map((file) => readPicture(file, size)));
      const asked = read.map((image) => ({ image, caption: caption() }));
      props.darkroom.train({ name: name(), pictures: asked, settings: values() });
    } catch (error) {
      props.darkroom.refuse((error as Error).message);
    }
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <Pictures files={pictures()} onChange={setPictures} />
      <Field label={words.caption} hint={words.captionHint}>
        {(ids) => (
          <input
            {...ids}
            class="field-box"
            value={caption()}
            onInput={(event) => setCaption(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label={words.name} hint={words.nameHint}>
        {(ids) => (
          <input
            {...ids}
            class="field-box"
            required
            pattern="[A-Za-z0-9_]+"
            value={name()}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
      <Form fields={fields} values={values()} onChange={setValues} />
      <div class="row">
        <button
          type="submit"
          class="btn-primary"
          disabled={props.darkroom.busy() !== undefined || pictures().length === 0}
        >
          <Icon name="train" /> {words.trainNow}
        </button>
        <Show when={props.darkroom.busy() === 'train'}>
          <button type="button" class="btn" onClick={() => props.darkroom.stop()}>
            <Icon name="stop" /> {words.stop}
          </button>
        </Show>
      </div>
      <Show when={props.darkroom.losses().length > 0}>
        <Curves rows={props.darkroom.losses()} />
        <p class="hint" data-testid="loss">
          {words.lastLoss(props.darkroom.losses().at(-1)?.loss ?? Number.NaN)}
        </p>
      </Show>
      <Show when={props.darkroom.trained()}>
        {(result) => (
          <p class="row flex-wrap" data-testid="trained">
            <a class="btn" href={result().address} download={`${result().name}.safetensors`}>
              <Icon name="download" /> {words.saveLora(result().name)}
            </a>
            <span class="hint">{words.trained(result().name)}</span>
          </p>
        )}
      </Show>
    </form>
  );
}

interface PicturesProps {
  readonly files: readonly File[];
  readonly onChange: (files: readonly File[]) => void;
}

function Pictures(props: PicturesProps) {
  const add = (files: FileList | undefined | null) => files && props.onChange([...props.files, ...files]);
  return (
    <>
      <label
        class="relative block border border-dashed border-line rounded-lg p-4 text-center text-dim"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          add(event.dataTransfer?.files);
        }}
      >
        {words.choosePictures}
        <input
          type="file"
          accept="image/*"
          multiple
          aria-label={words.pictures}
          class="absolute inset-0 opacity-0 cursor-pointer"
          onChange={({ currentTarget }) => {
            add(currentTarget.files);
            currentTarget.value = '';
          }}
        />
      </label>
      <ul class="flex flex-wrap gap-2 empty:hidden">
        <For each={props.files}>
          {(file) => (
            <li class="chip">
              {file.name}
              <button
                type="button"
                class="cursor-pointer"
                aria-label={words.remove(file.name)}
                onClick={() => props.onChange(props.files.filter((each) => each !== file))}
              >
                <Icon name="close" class="size-4" />
              </button>
            </li>
          )}
        </For>
      </ul>
    </>
  );
}
