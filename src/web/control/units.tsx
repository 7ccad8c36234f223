/**
 * Units of control: each a picture, the module that makes a hint of it, and the network that reads the hint. Which
 * fields a unit has, and which modules there are with which numbers, the server says.
 */

import { createEffect, createSignal, For, Index, on, onCleanup, Show } from 'solid-js';
import type { z } from 'zod';
import type { controlModuleSchema } from '#api/operations/control';
import { galleryPicture, sentPicture } from '../canvas/pictures.ts';
import { useLatestPictures } from '../create/latest.ts';
import type { SettingField } from '../state/fields.ts';
import { keys } from '../state/keys.ts';
import { useModels } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Field } from '../ui/field.tsx';
import { FieldControl } from '../ui/field-control.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { NumberInput } from '../ui/number-input.tsx';
import { Select } from '../ui/select.tsx';
import { Thumbnail } from '../ui/thumbnail.tsx';
import { words } from '../words/index.ts';

type Module = z.output<typeof controlModuleSchema>;
type Unit = Readonly<Record<string, unknown>>;

/** Fields that have a place of their own here. */
const placed = ['module', 'model', 'image', 'mask', 'thresholdA', 'thresholdB', 'resolution'];

export function Units(props: { readonly field: SettingField }) {
  const { draft } = useStudio();
  const units = () => (draft.values()[props.field.name] as readonly Unit[] | undefined) ?? [];
  const put = (next: readonly Unit[]) => draft.set(props.field.name, next.length === 0 ? undefined : next);
  /** Of what the unit is by then: a picture may come long after it was chosen. */
  const change = (at: number, fields: Unit) => {
    const unit = units()[at];
    if (unit) put(units().with(at, { ...unit, ...fields }));
  };
  return (
    <section class="flex flex-col gap-2" aria-label={props.field.label}>
      <h2 class="text-sm font-semibold text-dim">{props.field.label}</h2>
      <Index each={units()}>
        {(unit, at) => (
          <UnitCard
            unit={unit()}
            number={at + 1}
            parts={props.field.parts}
            onChange={(fields) => change(at, fields)}
            onRemove={() => put(units().toSpliced(at, 1))}
          />
        )}
      </Index>
      <button type="button" class="btn self-start" onClick={() => put([...units(), {}])}>
        {words().control.add}
      </button>
    </section>
  );
}

interface UnitCardProps {
  readonly unit: Unit;
  readonly number: number;
  readonly parts: readonly SettingField[];
  readonly onChange: (change: Unit) => void;
  readonly onRemove: () => void;
}

function UnitCard(props: UnitCardProps) {
  const { api } = useStudio();
  const modules = useQuery(() => ({
    queryKey: keys.controlModules,
    queryFn: async () => (await api.listControlModules()).modules,
  }));
  const name = () => String(props.unit.module ?? 'none');
  const module = () => modules.data?.find((each) => each.name === name());
  const choices = () =>
    (modules.data ?? []).map((each) => ({ value: each.name, label: each.name, title: each.summary }));
  return (
    <article class="card p-3 stack" aria-label={words().control.unit(props.number)}>
      <div class="row">
        <b class="text-sm">{words().control.unit(props.number)}</b>
        <button
          type="button"
          class="btn-quiet ml-auto px-2 min-h-8"
          aria-label={`${words().common.remove}: ${words().control.unit(props.number)}`}
          onClick={() => props.onRemove()}
        >
          <Icon name="close" class="size-4" />
        </button>
      </div>
      <UnitPicture unit={props.unit} module={module()} onChange={props.onChange} />
      <Field label={words().control.module} hint={module()?.summary}>
        {(ids) => (
          <Select
            ids={ids}
            choices={choices()}
            value={name()}
            onChange={(value) => props.onChange({ module: value, thresholdA: undefined, thresholdB: undefined })}
          />
        )}
      </Field>
      <Thresholds unit={props.unit} module={module()} onChange={props.onChange} />
      <Show when={module()?.reads !== 'reference'}>
        <NetworkChoice unit={props.unit} onChange={props.onChange} />
      </Show>
      <For each={props.parts.filter((part) => !placed.includes(part.name))}>
        {(part) => (
          <FieldControl
            beside
            field={part}
            value={props.unit[part.name]}
            onChange={(value) => props.onChange({ [part.name]: value })}
          />
        )}
      </For>
    </article>
  );
}

/** Kinds of model that read a hint. */
const networks = ['controlnet', 't2i-adapter', 'ip-adapter'];

function NetworkChoice(props: Pick<UnitCardProps, 'unit' | 'onChange'>) {
  const models = useModels();
  const choices = () => [
    { value: '', label: words().control.none },
    ...(models.data ?? [])
      .filter(({ kind }) => networks.includes(kind))
      .map(({ name, problem }) => ({ value: name, label: name, disabled: problem !== undefined, title: problem })),
  ];
  return (
    <Field label={words().create.model} hint={choices().length === 1 ? words().control.noNetwork : undefined}>
      {(ids) => (
        <Select
          ids={ids}
          choices={choices()}
          value={String(props.unit.model ?? '')}
          onChange={(value) => props.onChange({ model: value || undefined })}
        />
      )}
    </Field>
  );
}

interface ModuleProps extends Pick<UnitCardProps, 'unit' | 'onChange'> {
  readonly module: Module | undefined;
}

function Thresholds(props: ModuleProps) {
  const shown = () =>
    (['thresholdA', 'thresholdB'] as const).flatMap((name) => {
      const slider = props.module?.[name];
      return slider ? [{ name, ...slider }] : [];
    });
  return (
    <For each={shown()}>
      {({ name, label, min, max, step, value }) => (
        <Field
          label={label}
          aside={
            <NumberInput
              label={label}
              step={step}
              value={Number(props.unit[name] ?? value)}
              fitted={(given) => (Number.isFinite(given) ? Math.min(max, Math.max(min, given)) : value)}
              onChange={(given) => props.onChange({ [name]: given })}
            />
          }
        >
          {(ids) => (
            <input
              {...ids}
              type="range"
              class="w-full"
              min={min}
              max={max}
              step={step}
              value={Number(props.unit[name] ?? value)}
              onInput={(event) => props.onChange({ [name]: event.currentTarget.valueAsNumber })}
            />
          )}
        </Field>
      )}
    </For>
  );
}

/** The unit's picture, the start picture where it has none, and on demand what its module makes of it. */
function UnitPicture(props: ModuleProps) {
  const studio = useStudio();
  const pictures = useLatestPictures();
  const latest = () => studio.latest() ?? pictures()[0];
  const own = () => props.unit.image as string | undefined;
  const shown = () => own() ?? (studio.draft.values()['init'] as string | undefined);
  const [hint, setHint] = createSignal<string>();
  const [busy, setBusy] = createSignal(false);
  const forget = () => {
    if (hint()) URL.revokeObjectURL(hint()!);
    setHint(undefined);
  };
  onCleanup(forget);
  createEffect(on(() => props.unit, forget, { defer: true }));
  const take = async (file: File | undefined) => {
    await studio.bring(file, (image) => props.onChange({ image }));
  };
  const preview = async () => {
    const { module, thresholdA, thresholdB, resolution } = props.unit;
    setBusy(true);
    const made = await studio.attempt(async () => {
      const image = await sentPicture(shown()!);
      return await studio.api.makeFile('makeHint', {
        image,
        module: String(module),
        thresholdA,
        thresholdB,
        resolution,
      } as never);
    });
    setBusy(false);
    forget();
    if (made) setHint(URL.createObjectURL(made));
  };
  const makesHint = () =>
    props.unit.module !== undefined && props.unit.module !== 'none' && props.module?.reads === 'picture';
  return (
    <section
      aria-label={words().control.picture}
      class="flex flex-wrap gap-2 items-center"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <Show when={shown()}>{(name) => <Thumbnail name={name()} alt={words().control.picture} />}</Show>
      <Show when={hint()}>
        <img src={hint()} alt={words().control.hint} class="size-20 object-contain rounded-lg bg-sunk" />
      </Show>
      <div class="flex flex-wrap gap-2">
        <FileButton class="btn min-h-8 text-sm" accept="image/*" onChoose={(file) => void take(file)}>
          {own() ? words().control.other : words().control.choose}
        </FileButton>
        <Show when={latest()}>
          {(picture) => (
            <button
              type="button"
              class="btn min-h-8 text-sm"
              onClick={() => props.onChange({ image: galleryPicture(picture().id) })}
            >
              {words().control.latest}
            </button>
          )}
        </Show>
        <Show when={makesHint() && shown()}>
          <button type="button" class="btn min-h-8 text-sm" disabled={busy()} onClick={() => void preview()}>
            {words().control.preview}
          </button>
        </Show>
      </div>
      <Show when={!own() && shown()}>
        <p class="hint w-full">{words().control.fromStart}</p>
      </Show>
    </section>
  );
}
