/** One picture large, with its parameters; arrows walk through the gallery, Escape closes. */

import { createEffect, onCleanup, onMount, Show } from 'solid-js';
import type { WireImage } from '#server/native/wire';
import { neighbour } from '../state/lists.ts';
import type { Studio } from '../studio.ts';
import { Facts } from './fields.tsx';
import { Icon } from './icons.tsx';

interface LightboxProps {
  readonly studio: Studio;
  readonly id: string;
  /** Undefined closes. */
  readonly onShow: (id: string | undefined) => void;
}

export function Lightbox(props: LightboxProps) {
  const { studio } = props;
  const images = () => studio.pictures().images;
  const image = () => images().find(({ id }) => id === props.id);
  let dialog!: HTMLDialogElement;
  onMount(() => dialog.showModal());
  onCleanup(() => dialog.close());
  // Gone in another window, or from this one.
  createEffect(() => {
    if (!image()) props.onShow(undefined);
  });
  const walk = (step: 1 | -1) => {
    const next = neighbour(images(), props.id, step);
    if (next !== undefined) props.onShow(next);
  };
  const remove = (shown: WireImage) => {
    props.onShow(neighbour(images(), shown.id, 1) ?? neighbour(images(), shown.id, -1));
    void studio.trash(shown);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowLeft') walk(-1);
    else if (event.key === 'ArrowRight') walk(1);
    else if (event.key === 'Delete' && image()) remove(image()!);
  };
  return (
    <dialog
      ref={dialog}
      class="lightbox"
      aria-label="Picture"
      onClose={() => props.onShow(undefined)}
      onKeyDown={onKeyDown}
      onClick={(event) => event.target === dialog && props.onShow(undefined)}
    >
      <Show when={image()}>
        {(shown) => (
          <>
            <figure>
              <img src={shown().url} alt={shown().prompt} width={shown().width} height={shown().height} />
              <button
                type="button"
                class="walk left"
                aria-label="Newer picture"
                disabled={neighbour(images(), props.id, -1) === undefined}
                onClick={() => walk(-1)}
              >
                <Icon name="left" />
              </button>
              <button
                type="button"
                class="walk right"
                aria-label="Older picture"
                disabled={neighbour(images(), props.id, 1) === undefined}
                onClick={() => walk(1)}
              >
                <Icon name="right" />
              </button>
            </figure>
            <About
              studio={studio}
              image={shown()}
              onRemove={() => remove(shown())}
              onClose={() => props.onShow(undefined)}
            />
          </>
        )}
      </Show>
    </dialog>
  );
}

interface AboutProps {
  readonly studio: Studio;
  readonly image: WireImage;
  readonly onRemove: () => void;
  readonly onClose: () => void;
}

function About(props: AboutProps) {
  const { studio } = props;
  const use = () => {
    props.onClose();
    void studio.applySettings(props.image);
  };
  const keepSeed = () => {
    studio.change({ seed: props.image.seed! });
    props.onClose();
  };
  const mayChange = () => studio.state.status?.user.role !== 'viewer';
  return (
    <div class="about">
      <button type="button" class="quiet close" aria-label="Close" onClick={() => props.onClose()}>
        <Icon name="close" />
      </button>
      <p class="prompt-text">{props.image.prompt || 'Without a prompt'}</p>
      <Show when={props.image.negativePrompt}>
        <p class="negative">
          <b>Not:</b> {props.image.negativePrompt}
        </p>
      </Show>
      <Facts
        rows={[
          ['Model', props.image.model],
          ['Size', `${props.image.width} × ${props.image.height}`],
          ['Steps', props.image.steps],
          ['Sampler', props.image.sampler],
          ['Scheduler', props.image.scheduler],
          ['Guidance', props.image.cfgScale],
          ['Seed', props.image.seed],
          ['Made', new Date(props.image.createdAt).toLocaleString()],
        ]}
      />
      <div class="actions">
        <Show when={mayChange()}>
          <button type="button" class="primary" onClick={use}>
            <Icon name="reuse" /> Use these settings
          </button>
          <button type="button" disabled={props.image.seed === undefined} onClick={keepSeed}>
            <Icon name="pin" /> Keep seed
          </button>
        </Show>
        <a class="button" href={`${props.image.url}?download=true`} download="">
          <Icon name="download" /> Download
        </a>
        <Show when={mayChange()}>
          <button type="button" class="danger" onClick={() => props.onRemove()}>
            <Icon name="trash" /> Delete
          </button>
        </Show>
      </div>
    </div>
  );
}
