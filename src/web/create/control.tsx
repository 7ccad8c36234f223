/** The control of one setting, by what its row says of it. */

import { Match, Show, Switch } from 'solid-js';
import { useChoices } from '../state/choices.ts';
import { isChanged, randomSeed, settingValue } from '../state/draft.ts';
import { fitting, type SettingField } from '../state/fields.ts';
import { useControls } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { Chips } from '../ui/chips.tsx';
import { Field, type FieldIds } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { NumberInput } from '../ui/number-input.tsx';
import { type Choice, Select } from '../ui/select.tsx';
import { words } from '../words/index.ts';
import { RegionsControl } from './regions.tsx';

interface ControlProps {
  readonly field: SettingField;
}

export function Control(props: ControlProps) {
  const { draft } = useStudio();
  const { field } = props;
  const isNumber = field.control === 'number';
  return (
    <Show when={field.control !== 'switch'} fallback={<SwitchControl field={field} />}>
      <Field
        beside={isNumber}
        label={field.label}
        error={draft.errors()[field.name]}
        changed={isChanged(draft.values(), field)}
        onReset={() => draft.set(field.name, undefined)}
        aside={
          <Show when={field.control === 'slider'}>
            <NumberControl field={field} />
          </Show>
        }
      >
        {(ids) => (
          <Switch fallback={<TextControl field={field} ids={ids} />}>
            <Match when={field.control === 'slider'}>
              <SliderControl field={field} ids={ids} />
            </Match>
            <Match when={isNumber}>
              <NumberControl field={field} ids={ids} />
            </Match>
            <Match when={field.control === 'choice'}>
              <ChoiceControl field={field} ids={ids} />
            </Match>
            <Match when={field.control === 'many'}>
              <ManyControl field={field} />
            </Match>
            <Match when={field.control === 'regions'}>
              <RegionsControl field={field} ids={ids} />
            </Match>
            <Match when={field.control === 'seed'}>
              <SeedControl field={field} ids={ids} />
            </Match>
          </Switch>
        )}
      </Field>
    </Show>
  );
}

interface InnerProps extends ControlProps {
  readonly ids: FieldIds;
}

function TextControl(props: InnerProps) {
  const { draft } = useStudio();
  return (
    <input
      {...props.ids}
      class="field-box"
      title={props.field.help}
      value={String(settingValue(draft.values(), props.field) ?? '')}
      onChange={(event) => draft.set(props.field.name, event.currentTarget.value)}
    />
  );
}

function numberOf(value: unknown, field: SettingField): number {
  return typeof value === 'number' ? value : fitting(field, Number.NaN);
}

function NumberControl(props: ControlProps & { readonly ids?: FieldIds }) {
  const { draft } = useStudio();
  return (
    <NumberInput
      label={props.field.label}
      ids={props.ids}
      step={props.field.step}
      value={numberOf(settingValue(draft.values(), props.field), props.field)}
      fitted={(value) => fitting(props.field, value)}
      onChange={(value) => draft.set(props.field.name, value === props.field.fallback ? undefined : value)}
    />
  );
}

/** A slider over the usual range; the number beside it takes the whole one. */
function SliderControl(props: InnerProps) {
  const { draft } = useStudio();
  const value = () => numberOf(settingValue(draft.values(), props.field), props.field);
  return (
    <input
      {...props.ids}
      type="range"
      class="w-full cursor-pointer"
      title={props.field.help}
      min={Math.min(props.field.usual[0], value())}
      max={Math.max(props.field.usual[1], value())}
      step={props.field.step}
      value={value()}
      onInput={(event) => {
        const chosen = Number(event.currentTarget.valueAsNumber.toFixed(6));
        draft.set(props.field.name, chosen === props.field.fallback ? undefined : chosen);
      }}
    />
  );
}

function ChoiceControl(props: InnerProps) {
  const { draft } = useStudio();
  const listed = useChoices(() => props.field.choices);
  const choices = (): Choice[] => {
    const rows = listed();
    // Left open by its row: the server, or the model, decides.
    return props.field.fallback === undefined ? [{ value: '', label: words().create.automatic('') }, ...rows] : rows;
  };
  const ownSchedule = useOwnSchedule(props.field);
  return (
    <Select
      ids={props.ids}
      choices={choices().map((c) => (ownSchedule(c.value) ? { ...c, label: ownSchedule(c.value)! } : c))}
      value={String(settingValue(draft.values(), props.field) ?? '')}
      onChange={(value) => draft.set(props.field.name, value === props.field.fallback ? undefined : value)}
    />
  );
}

function ManyControl(props: ControlProps) {
  const { draft } = useStudio();
  const choices = useChoices(() => props.field.choices);
  return (
    <Chips
      choices={choices()}
      chosen={(draft.values()[props.field.name] as readonly string[] | undefined) ?? []}
      onChange={(chosen) => draft.set(props.field.name, chosen)}
    />
  );
}

/** Automatic, with what it stands for under the chosen sampler. */
function useOwnSchedule(field: SettingField): (value: string) => string | undefined {
  const { draft } = useStudio();
  const controls = useControls();
  return (value) => {
    if (field.choices !== 'schedulers' || value !== 'Automatic') return undefined;
    const samplers = draft.fields().find(({ choices }) => choices === 'samplers');
    const chosen = samplers && settingValue(draft.values(), samplers);
    const own = controls.data?.samplers.find(({ name }) => name === chosen)?.scheduler;
    return own === undefined ? undefined : words().create.automatic(own);
  };
}

function SwitchControl(props: ControlProps) {
  const { draft } = useStudio();
  return (
    <label class="row min-h-10 cursor-pointer" title={props.field.help}>
      <input
        type="checkbox"
        class="size-5"
        checked={settingValue(draft.values(), props.field) === true}
        onChange={({ currentTarget: { checked } }) =>
          draft.set(props.field.name, checked === (props.field.fallback ?? false) ? undefined : checked)
        }
      />
      <span class="text-sm font-medium">{props.field.label}</span>
    </label>
  );
}

function SeedControl(props: InnerProps) {
  const studio = useStudio();
  const { draft } = studio;
  const seed = () => numberOf(settingValue(draft.values(), props.field), props.field);
  const read = (text: string) => {
    const value = /^\d+$/.test(text.trim()) ? fitting(props.field, Number(text)) : undefined;
    draft.set(props.field.name, value);
  };
  return (
    <div class="row">
      <input
        {...props.ids}
        inputmode="numeric"
        class="field-box flex-1 min-w-0 tabular-nums"
        title={props.field.help}
        placeholder={words().create.seedPlaceholder}
        value={seed() === randomSeed ? '' : String(seed())}
        onChange={(event) => read(event.currentTarget.value)}
      />
      <button
        type="button"
        class="btn"
        aria-label={words().create.seedRandom}
        title={words().create.seedRandom}
        aria-pressed={seed() === randomSeed}
        onClick={() => draft.set(props.field.name, undefined)}
      >
        <Icon name="dice" />
      </button>
      <button
        type="button"
        class="btn"
        aria-label={words().create.seedKeep}
        title={words().create.seedKeep}
        disabled={studio.latest()?.seed === undefined}
        onClick={() => draft.set(props.field.name, studio.latest()!.seed)}
      >
        <Icon name="pin" />
      </button>
    </div>
  );
}
