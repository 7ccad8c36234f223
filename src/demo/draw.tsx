/** A new picture: the settings that matter most, progress, and the picture with its file. */

import { createEffect, createSignal, Show } from 'solid-js';
import { z } from 'zod';
import type { PixelImage } from '#core/image';
import { samplers } from '#diffusion/samplers/index';
import { schedulers } from '#diffusion/schedules';
import { generateSchema } from '#pipelines/request';
import { fieldsOf, type SettingField } from '../web/state/fields.ts';
import { Field } from '../web/ui/field.tsx';
import { Icon } from '../web/ui/icon.tsx';
import type { Choice } from '../web/ui/select.tsx';
import type { Darkroom } from './darkroom.ts';
import { Form, type Values } from './form.tsx';
import type { OpenedModel } from './protocol.ts';
import { words } from './words.ts';

const choice = ({ name }: { readonly name: string }) => ({ value: name, label: name });
const choices: Readonly<Record<string, readonly Choice[]>> = {
  samplers: samplers.map(choice),
  schedulers: schedulers.map(choice),
};
/** The prompt has a box of its own, and one picture is shown at a time. */
const elsewhere = ['prompt', 'batchCount'];
/** The simple ones that stand by themselves; what is chosen among a server's files is not here. */
const fields = fieldsOf(z.toJSONSchema(generateSchema, { io: 'input', unrepresentable: 'any' })).filter(
  (field) => field.simple && field.when.length === 0 && !elsewhere.includes(field.name) && isHere(field),
);
function isHere({ choices: list }: SettingField): boolean {
  return typeof list !== 'string' || Object.hasOwn(choices, list);
}

export function Draw(props: { readonly darkroom: Darkroom; readonly model: OpenedModel }) {
  const [prompt, setPrompt] = createSignal('a fox beside a tree at night');
  const [values, setValues] = createSignal<Values>({});
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        props.darkroom.draw({ ...values(), prompt: prompt() });
      }}
    >
      <Field label={words.prompt}>
        {(ids) => (
          <textarea
            {...ids}
            rows={2}
            class="field-box"
            value={prompt()}
            onInput={(event) => setPrompt(event.currentTarget.value)}
          />
        )}
      </Field>
      <Form
        fields={fields}
        values={{ ...props.model.preference, ...values() }}
        choices={choices}
        onChange={setValues}
      />
      <div class="row">
        <button type="submit" class="btn-primary" disabled={props.darkroom.busy() !== undefined}>
          <Icon name="spark" /> {words.generate}
        </button>
        <Show when={props.darkroom.busy() === 'draw'}>
          <button type="button" class="btn" onClick={() => props.darkroom.stop()}>
            <Icon name="stop" /> {words.stop}
          </button>
        </Show>
      </div>
      <Show when={props.darkroom.preview()}>{(image) => <Preview image={image()} />}</Show>
      <Show when={props.darkroom.picture()}>
        {(picture) => (
          <figure class="m-0 stack">
            <img src={picture().address} alt={prompt()} class="w-full rounded-lg" data-testid="picture" />
            <figcaption class="row">
              <a class="btn" href={picture().address} download="darkroom.png">
                <Icon name="download" /> {words.savePicture}
              </a>
              <details class="hint">
                <summary>{words.infotext}</summary>
                <pre class="whitespace-pre-wrap">{picture().infotext}</pre>
              </details>
            </figcaption>
          </figure>
        )}
      </Show>
    </form>
  );
}

function Preview(props: { readonly image: PixelImage }) {
  let canvas!: HTMLCanvasElement;
  createEffect(() => {
    const { width, height, channels, data } = props.image;
    const pixels = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = data[i * channels + c]!;
      pixels.data[4 * i + 3] = 255;
    }
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d')!.putImageData(pixels, 0, 0);
  });
  return <canvas ref={canvas} class="w-full rounded-lg" role="img" aria-label={words.preview} />;
}
