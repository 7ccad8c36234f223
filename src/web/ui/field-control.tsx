/** One field of any schema, by its type, over a value that somebody else keeps. */

import { For, Match, Show, Switch } from 'solid-js';
import { fitting, helpBeside, type SettingField } from '../state/fields.ts';
import { Chips } from './chips.tsx';
import { Field, type FieldIds } from './field.tsx';
import { NumberInput } from './number-input.tsx';
import { PictureField } from './picture-field.tsx';
import { type Choice, Select } from './select.tsx';

interface FieldControlProps {
  readonly field: SettingField;
  readonly value: unknown;
  /** Of a choice whose row names a list. */
  readonly choices?: readonly Choice[];
  readonly error?: string;
  /** Numbers on the line of their label, where the form is narrow; else below it, as everything is. */
  readonly beside?: boolean;
  readonly onChange: (value: unknown) => void;
}

export function FieldControl(props: FieldControlProps) {
  const isNumber = ['slider', 'number', 'seed', 'size'].includes(props.field.control);
  return (
    <Show when={props.field.control !== 'switch'} fallback={<SwitchField {...props} />}>
      <Field
        label={props.field.label}
        hint={helpBeside(props.field)}
        error={props.error}
        beside={isNumber && props.beside}
      >
        {(ids) => (
          <Switch fallback={<TextOrChoice {...props} ids={ids} />}>
            <Match when={isNumber}>
              <NumberField {...props} ids={ids} />
            </Match>
            <Match when={props.field.control === 'image'}>
              <PictureField ids={ids} value={props.value as string | undefined} onChange={props.onChange} />
            </Match>
          </Switch>
        )}
      </Field>
    </Show>
  );
}

type InnerProps = FieldControlProps & { readonly ids: FieldIds };

function SwitchField(props: FieldControlProps) {
  return (
    <label class="flex gap-2 self-start pt-1 cursor-pointer" title={props.field.help}>
      <input
        type="checkbox"
        class="size-5 shrink-0"
        checked={(props.value ?? props.field.fallback) === true}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span class="text-sm">
        <span class="font-medium">{props.field.label}</span>
        <span class="hint block">{helpBeside(props.field)}</span>
      </span>
    </label>
  );
}

function NumberField(props: InnerProps) {
  const value = () => props.value ?? props.field.fallback;
  return (
    <Show when={props.field.fallback !== undefined} fallback={<OptionalNumber {...props} />}>
      <NumberInput
        ids={props.ids}
        label={props.field.label}
        wide={!props.beside}
        step={props.field.step}
        value={typeof value() === 'number' ? (value() as number) : fitting(props.field, Number.NaN)}
        fitted={(given) => fitting(props.field, given)}
        onChange={props.onChange}
      />
    </Show>
  );
}

/** Empty stands for what is decided elsewhere. */
function OptionalNumber(props: InnerProps) {
  return (
    <input
      {...props.ids}
      inputmode="decimal"
      class={`field-box tabular-nums ${props.beside ? 'w-24 text-right' : ''}`}
      value={props.value === undefined ? '' : String(props.value)}
      onChange={({ currentTarget: { value } }) => {
        const text = value.trim().replace(',', '.');
        props.onChange(text === '' || Number.isNaN(Number(text)) ? undefined : fitting(props.field, Number(text)));
      }}
    />
  );
}

function TextOrChoice(props: InnerProps) {
  const { control } = props.field;
  const chips = () => control === 'many' && Array.isArray(props.field.choices);
  return (
    <Switch fallback={<TextField {...props} />}>
      <Match when={control === 'choice'}>
        <Select
          ids={props.ids}
          choices={choicesOf(props)}
          value={String(shownValue(props) ?? '')}
          onChange={(chosen) => props.onChange(chosen === '' ? undefined : chosen)}
        />
      </Match>
      <Match when={chips()}>
        <Chips choices={choicesOf(props)} chosen={linesOf(props)} onChange={props.onChange} />
      </Match>
      <Match when={control === 'many'}>
        <textarea
          {...props.ids}
          rows={2}
          class="field-box"
          value={linesOf(props).join('\n')}
          onChange={({ currentTarget: { value: text } }) => props.onChange(listOf(text, props.field))}
        />
      </Match>
      <Match when={control === 'prompt'}>
        <textarea
          {...props.ids}
          rows={2}
          class="field-box"
          value={String(shownValue(props) ?? '')}
          onChange={(event) => props.onChange(event.currentTarget.value || undefined)}
        />
      </Match>
    </Switch>
  );
}

const shownValue = (props: FieldControlProps): unknown => props.value ?? props.field.fallback;

function choicesOf({ choices, field }: FieldControlProps): readonly Choice[] {
  return choices ?? (Array.isArray(field.choices) ? field.choices.map((each) => ({ value: each, label: each })) : []);
}

function linesOf(props: FieldControlProps): readonly string[] {
  const value = shownValue(props);
  return Array.isArray(value) ? value.map(String) : [];
}

/** One line, with what there is to choose from offered. */
function TextField(props: InnerProps) {
  const choices = () => choicesOf(props);
  const listId = () => (choices().length > 0 ? `${props.ids.id}-list` : undefined);
  return (
    <>
      <input
        {...props.ids}
        class="field-box"
        list={listId()}
        value={String(shownValue(props) ?? '')}
        onChange={(event) => props.onChange(event.currentTarget.value || undefined)}
      />
      <Show when={listId()}>
        {(id) => (
          <datalist id={id()}>
            <For each={choices()}>{(choice) => <option value={choice.value} />}</For>
          </datalist>
        )}
      </Show>
    </>
  );
}

/** A line each; numbers where the list has numbers. */
function listOf(text: string, field: SettingField): readonly (string | number)[] | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  if (lines.length === 0) return undefined;
  return field.listOf === 'number' ? lines.map(Number).filter((value) => !Number.isNaN(value)) : lines;
}
