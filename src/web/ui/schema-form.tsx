/**
 * A whole form of a JSON schema that the server hands out: fields by group, simple ones first, what was refused beside
 * its field. Pictures go along as the server takes them.
 */

import { createMemo, createSignal, For, type JSX, Show } from 'solid-js';
import { ApiError } from '../api.ts';
import { sentPicture } from '../canvas/pictures.ts';
import { useChoices } from '../state/choices.ts';
import { fieldsOf, matters, type SettingField } from '../state/fields.ts';
import type { FieldTexts } from '../words/en.ts';
import { words } from '../words/index.ts';
import { FieldControl } from './field-control.tsx';

export type Values = Readonly<Record<string, unknown>>;

interface SchemaFormProps {
  readonly title: string;
  readonly schema: unknown;
  /** Of its fields, in the page's language. */
  readonly texts: FieldTexts;
  /** What it opens with. */
  readonly initial?: Values;
  /** Names of groups; a group without one goes by its own. */
  readonly groups: Readonly<Record<string, string>>;
  readonly action: string;
  /** Between the title and the fields. */
  readonly children?: JSX.Element;
  /** Beside the button that sends it. */
  readonly beside?: (values: () => Promise<Values>) => JSX.Element;
  /** Sends it. An `ApiError` is shown, at its field where it names one. */
  readonly onSubmit: (values: Values) => Promise<void>;
}

/** Units have a control of their own, beside the picture that they look at. */
const unseen: readonly SettingField['control'][] = ['none', 'units'];

export function SchemaForm(props: SchemaFormProps) {
  const [values, setValues] = createSignal<Values>(props.initial ?? {});
  const [problem, setProblem] = createSignal<ApiError>();
  const [full, setFull] = createSignal(false);
  const [busy, setBusy] = createSignal(false);
  const fields = createMemo(() =>
    fieldsOf(props.schema, props.texts).filter(({ control }) => !unseen.includes(control)),
  );
  const mattering = () => fields().filter((field) => matters(field, values()));
  const levels = () => fields().some(({ simple, required }) => simple && !required);
  const all = () => full() || !levels();
  const shown = () => mattering().filter((field) => all() || field.simple || values()[field.name] !== undefined);
  const groups = () => [...new Set(shown().map(({ group }) => group))];
  const given = async () => await givenOf(mattering(), values());
  const send = async () => {
    setProblem(undefined);
    setBusy(true);
    try {
      await props.onSubmit(await given());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const errorOf = (name: string) => (problem()?.field?.split('.').at(-1) === name ? problem()!.message : undefined);
  return (
    <form
      class="card p-4 stack"
      aria-label={props.title}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <h2 class="title">{props.title}</h2>
      {props.children}
      <For each={groups()}>
        {(group) => (
          <fieldset class="border-0 p-0 m-0 min-w-0">
            <Show when={groups().length > 1}>
              <legend class="text-sm font-semibold text-dim pb-2">{props.groups[group] ?? group}</legend>
            </Show>
            <div class="grid sm:grid-cols-2 lg:grid-cols-3 gap-x-6 gap-y-3">
              <For each={shown().filter((field) => field.group === group)}>
                {(field) => (
                  <FormField
                    field={field}
                    value={values()[field.name]}
                    error={errorOf(field.name)}
                    onChange={(value) => setValues((now) => ({ ...now, [field.name]: value }))}
                  />
                )}
              </For>
            </div>
          </fieldset>
        )}
      </For>
      <Show when={problem()}>
        <p class="problem-text" role="alert">
          {problem()!.message}
        </p>
      </Show>
      <div class="row flex-wrap">
        <button type="submit" class="btn-primary" disabled={busy()}>
          {props.action}
        </button>
        {props.beside?.(given)}
        <Show when={levels()}>
          <button type="button" class="chip" aria-pressed={full()} onClick={() => setFull((now) => !now)}>
            {words().create.full}
          </button>
        </Show>
      </div>
    </form>
  );
}

/** What was set, with pictures in the place of their names. */
async function givenOf(fields: readonly SettingField[], values: Values): Promise<Values> {
  const set = fields.filter(({ name }) => values[name] !== undefined);
  const entries = set.map(async ({ name, control }) => {
    const value = values[name];
    return [name, control === 'image' ? await sentPicture(String(value)) : value] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

interface FormFieldProps {
  readonly field: SettingField;
  readonly value: unknown;
  readonly error: string | undefined;
  readonly onChange: (value: unknown) => void;
}

function FormField(props: FormFieldProps) {
  const listed = useChoices(() => props.field.choices);
  const choices = () => {
    const { choices: which, fallback, control } = props.field;
    if (which === undefined) return undefined;
    if (control !== 'choice' || fallback !== undefined) return listed();
    const left = props.field.required ? words().common.choose : words().common.notSet;
    return [{ value: '', label: left }, ...listed()];
  };
  return <FieldControl {...props} choices={choices()} />;
}
