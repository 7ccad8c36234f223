/** What to make: prompt, model, size, steps, sampler, guidance, seed, count. Bounds and choices come from the server. */

import { createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { WireControls } from '#server/native/wire';
import { numberControl } from '../state/controls.ts';
import { type Draft, randomSeed } from '../state/draft.ts';
import { openJobs } from '../state/lists.ts';
import { modelFacts } from '../state/words.ts';
import type { Studio } from '../studio.ts';
import { Field, NumberInput, Slider } from './fields.tsx';
import { Icon } from './icons.tsx';
import { SizeFields } from './size-fields.tsx';

interface FormProps {
  readonly studio: Studio;
  readonly onGenerate: () => void;
}

const wideScreen = '(min-width: 861px)';

export function Form(props: FormProps) {
  const { studio } = props;
  const { state } = studio;
  const draft = () => studio.draft()!;
  const mayMake = () => state.status?.user.role !== 'viewer';
  return (
    <form
      class="form"
      aria-label="New picture"
      onSubmit={(event) => {
        event.preventDefault();
        props.onGenerate();
      }}
    >
      <div class="form-body">
        <Prompts studio={studio} />
        <Settings studio={studio} />
      </div>
      <div class="form-end">
        <Show when={mayMake()} fallback={<p class="hint">Your account may look, not make pictures.</p>}>
          <div class="count">
            <NumberInput
              label="Pictures"
              control={numberControl(state.controls!, 'batchCount')}
              value={draft().count}
              onChange={(count) => studio.change({ count })}
            />
          </div>
          <button type="submit" class="primary generate" disabled={state.sending} title="Ctrl+Enter">
            <Icon name="spark" />
            {openJobs(state.jobs).length > 0 ? 'Add to queue' : 'Generate'}
            <span class="keys" aria-hidden="true">
              Ctrl ⏎
            </span>
          </button>
        </Show>
      </div>
    </form>
  );
}

function Prompts(props: { readonly studio: Studio }) {
  const { studio } = props;
  const draft = () => studio.draft()!;
  return (
    <>
      <Field label="Prompt" error={studio.state.fieldErrors['prompt']}>
        {(ids) => (
          <textarea
            {...ids}
            class="prompt"
            rows="4"
            placeholder="What should the picture show?"
            value={draft().prompt}
            onInput={(event) => studio.change({ prompt: event.currentTarget.value })}
          />
        )}
      </Field>
      <details class="fold" open={draft().negativePrompt !== ''}>
        <summary>Negative prompt</summary>
        <textarea
          aria-label="Negative prompt"
          rows="2"
          placeholder="What should it not show?"
          value={draft().negativePrompt}
          onInput={(event) => studio.change({ negativePrompt: event.currentTarget.value })}
        />
      </details>
    </>
  );
}

/** Folded on a narrow screen, with a summary of what is set. */
function Settings(props: { readonly studio: Studio }) {
  const { studio } = props;
  const [wide, setWide] = createSignal(matchMedia(wideScreen).matches);
  const query = matchMedia(wideScreen);
  const listen = () => setWide(query.matches);
  onMount(() => query.addEventListener('change', listen));
  onCleanup(() => query.removeEventListener('change', listen));
  const summary = (draft: Draft) => {
    const size = draft.width === 0 ? studio.state.limits?.defaultSize : draft;
    return [size && `${size.width} × ${size.height}`, `${draft.steps} steps`, draft.sampler]
      .filter(Boolean)
      .join(' · ');
  };
  return (
    <details class="settings" open={wide()}>
      <summary>
        <span>Settings</span>
        <small>{summary(studio.draft()!)}</small>
      </summary>
      <ModelField studio={studio} />
      <SizeFields studio={studio} />
      <Sampling studio={studio} controls={studio.state.controls!} />
      <SeedField studio={studio} />
    </details>
  );
}

function ModelField(props: { readonly studio: Studio }) {
  const { studio } = props;
  const { state } = studio;
  return (
    <Field
      label="Model"
      error={state.fieldErrors['model']}
      hint={studio.chosenModel() && modelFacts(studio.chosenModel()!)}
    >
      {(ids) => (
        <Show
          when={state.models.length > 0}
          fallback={<p class="problem">No model here. Start with --models-dir FOLDER.</p>}
        >
          <select {...ids} onChange={(event) => void studio.chooseModel(event.currentTarget.value)}>
            <For each={state.models}>
              {(model) => (
                <option
                  value={model.name}
                  selected={model.id === studio.chosenModel()?.id}
                  disabled={model.problem !== undefined}
                  title={model.problem}
                >
                  {model.name}
                  {model.problem === undefined ? '' : ' (cannot be used)'}
                </option>
              )}
            </For>
          </select>
        </Show>
      )}
    </Field>
  );
}

function Sampling(props: { readonly studio: Studio; readonly controls: WireControls }) {
  const { studio } = props;
  const draft = () => studio.draft()!;
  const errors = studio.state.fieldErrors;
  const ownSchedule = () => props.controls.samplers.find(({ name }) => name === draft().sampler)?.scheduler;
  return (
    <>
      <Slider
        label="Steps"
        control={numberControl(props.controls, 'steps')}
        value={draft().steps}
        error={errors['steps']}
        onChange={(steps) => studio.change({ steps })}
      />
      <Slider
        label="Guidance (CFG scale)"
        control={numberControl(props.controls, 'cfgScale')}
        value={draft().cfgScale}
        step={0.5}
        error={errors['cfgScale']}
        onChange={(cfgScale) => studio.change({ cfgScale })}
      />
      <div class="pair">
        <Field label="Sampler" error={errors['sampler']}>
          {(ids) => (
            <select {...ids} onChange={(event) => studio.change({ sampler: event.currentTarget.value })}>
              <For each={props.controls.samplers}>
                {({ name }) => (
                  <option value={name} selected={name === draft().sampler}>
                    {name}
                  </option>
                )}
              </For>
            </select>
          )}
        </Field>
        <Field label="Scheduler" error={errors['scheduler']}>
          {(ids) => (
            <select {...ids} onChange={(event) => studio.change({ scheduler: event.currentTarget.value })}>
              <For each={props.controls.schedulers}>
                {({ name }) => (
                  <option value={name} selected={name === draft().scheduler}>
                    {name === 'Automatic' ? `Automatic (${ownSchedule()})` : name}
                  </option>
                )}
              </For>
            </select>
          )}
        </Field>
      </div>
    </>
  );
}

function SeedField(props: { readonly studio: Studio }) {
  const { studio } = props;
  const draft = () => studio.draft()!;
  const control = () => numberControl(studio.state.controls!, 'seed');
  const lastSeed = () => studio.pictures().images.find(({ seed }) => seed !== undefined)?.seed;
  const read = (text: string) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : randomSeed;
    studio.change({ seed: Math.min(value, control().max) });
  };
  return (
    <Field label="Seed" error={studio.state.fieldErrors['seed']}>
      {(ids) => (
        <div class="row">
          <input
            {...ids}
            inputmode="numeric"
            placeholder="A new one each time"
            value={draft().seed === randomSeed ? '' : String(draft().seed)}
            onChange={(event) => read(event.currentTarget.value)}
          />
          <button
            type="button"
            aria-label="New seed each time"
            title="New seed each time"
            aria-pressed={draft().seed === randomSeed}
            onClick={() => studio.change({ seed: randomSeed })}
          >
            <Icon name="dice" />
          </button>
          <button
            type="button"
            aria-label="Keep the seed of the latest picture"
            title="Keep the seed of the latest picture"
            disabled={lastSeed() === undefined}
            aria-pressed={draft().seed !== randomSeed && draft().seed === lastSeed()}
            onClick={() => studio.change({ seed: lastSeed()! })}
          >
            <Icon name="pin" /> Keep
          </button>
        </div>
      )}
    </Field>
  );
}
