/**
 * The draft as a form: the prompt, then the settings by group. Which there are, and what each looks like, the server
 * says (state/fields.ts). Simple shows what most pictures need; full shows all, with a search over them.
 */

import { createMemo, createSignal, For, Show } from 'solid-js';
import { Units } from '../control/units.tsx';
import { isChanged } from '../state/draft.ts';
import { isAbout, matters, type SettingField } from '../state/fields.ts';
import { usePictureJobs } from '../state/queries.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Group } from '../ui/group.tsx';
import { Icon } from '../ui/icon.tsx';
import { useNarrow } from '../ui/narrow.ts';
import { words } from '../words/index.ts';
import { Control } from './control.tsx';
import { useJobPlan } from './job-plan.ts';
import { PresetMenu } from './presets.tsx';
import { PromptBox } from './prompt-box.tsx';
import { SizeControl } from './size-control.tsx';
import { StartPicture } from './start-picture.tsx';

interface PanelProps {
  readonly sending: boolean;
  /** Goes on with the next picture when the last is done. */
  readonly forever: boolean;
  readonly onForever: (forever: boolean) => void;
  readonly onGenerate: () => void;
}

/** How much of the form is seen; on a phone all of it folds, so that the picture is near the prompt. */
const levels = ['folded', 'simple', 'full'] as const;
type Level = (typeof levels)[number];

const levelKey = 'darkroom.level';

export function Panel(props: PanelProps) {
  const [search, setSearch] = createSignal('');
  const { level, choose } = useLevel();
  const full = () => level() === 'full';
  return (
    <form
      aria-label={words().create.form}
      class="md:(w-92 shrink-0 border-r border-line) bg-panel flex flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        props.onGenerate();
      }}
    >
      <div class="p-3 md:p-4 flex flex-col gap-4">
        <Prompts />
        <Group class="row flex-wrap" label={words().nav.settings}>
          <button type="button" class="chip" aria-pressed={level() === 'simple'} onClick={() => choose('simple')}>
            {words().create.simple}
          </button>
          <button type="button" class="chip" aria-pressed={full()} onClick={() => choose('full')}>
            {words().create.full}
          </button>
          <PresetMenu />
          <ResetAll />
        </Group>
        <Show when={full()}>
          <input
            type="search"
            class="field-box"
            placeholder={words().create.findSetting}
            aria-label={words().create.findSetting}
            value={search()}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </Show>
        <Show when={level() !== 'folded'}>
          <Groups full={full()} search={full() ? search() : ''} />
        </Show>
      </div>
      <GenerateBar {...props} />
    </form>
  );
}

function useLevel() {
  const narrow = useNarrow();
  const [chosen, setChosen] = createSignal(levels.find((each) => each === localStorage.getItem(levelKey)));
  const level = (): Level => {
    if (narrow()) return chosen() ?? 'folded';
    return chosen() === 'full' ? 'full' : 'simple';
  };
  /** On a phone the chosen one folds when it is pressed again. */
  const choose = (wanted: Level) => {
    const next = narrow() && wanted === level() ? 'folded' : wanted;
    setChosen(next);
    localStorage.setItem(levelKey, next);
  };
  return { level, choose };
}

function Prompts() {
  const { draft } = useStudio();
  const prompts = () => draft.fields().filter(({ control }) => control === 'prompt');
  return <For each={prompts()}>{(field, at) => <PromptBox field={field} first={at() === 0} />}</For>;
}

/** Drawn by a control of its own, elsewhere. */
const placedElsewhere: readonly SettingField['control'][] = ['prompt', 'none', 'image', 'units'];

function Groups(props: { readonly full: boolean; readonly search: string }) {
  const { draft } = useStudio();
  const shown = createMemo(() => {
    return draft.fields().filter((field) => {
      if (placedElsewhere.includes(field.control) || field.name === 'model') return false;
      if (!matters(field, draft.values())) return false;
      if (!props.full && !field.simple && !isChanged(draft.values(), field)) return false;
      return isAbout(field, props.search);
    });
  });
  const groups = createMemo(() => [...new Set(shown().map(({ group }) => group))]);
  const of = (group: string) => shown().filter((field) => field.group === group);
  const startsPictures = () => draft.field('init') !== undefined;
  return (
    <>
      <Show when={props.search !== '' && groups().length === 0}>
        <p class="hint">{words().create.noSetting}</p>
      </Show>
      <For each={groups()}>
        {(group) => (
          <fieldset class="flex flex-col gap-3 border-0 p-0 m-0 min-w-0">
            <Show when={props.full}>
              <legend class="text-sm font-semibold text-dim pb-1">{words().create.groups[group] ?? group}</legend>
            </Show>
            <Show when={of(group).some(({ control }) => control === 'size')}>
              <SizeControl fields={of(group).filter(({ control }) => control === 'size')} />
            </Show>
            <For each={of(group).filter(({ control }) => control !== 'size')}>
              {(field) => <Control field={field} />}
            </For>
          </fieldset>
        )}
      </For>
      <Show when={startsPictures() && props.search === ''}>
        <StartPicture />
      </Show>
      <For each={props.full && props.search === '' ? draft.fields().filter(({ control }) => control === 'units') : []}>
        {(field) => <Units field={field} />}
      </For>
    </>
  );
}

function ResetAll() {
  const { draft } = useStudio();
  const changed = () =>
    draft.fields().filter((field) => field.control !== 'prompt' && isChanged(draft.values(), field));
  const reset = () => {
    const prompts = draft.fields().filter(({ control }) => control === 'prompt');
    const kept = prompts.flatMap(({ name }) => {
      const value = draft.values()[name];
      return value === undefined ? [] : [[name, value]];
    });
    draft.replace(Object.fromEntries(kept));
  };
  return (
    <Show when={changed().length > 0}>
      <button
        type="button"
        class="btn-quiet ml-auto min-h-8 px-2"
        aria-label={words().create.resetAll}
        title={words().create.resetAll}
        onClick={reset}
      >
        <Icon name="reuse" />
      </button>
    </Show>
  );
}

function GenerateBar(props: PanelProps) {
  const { draft } = useStudio();
  const jobs = usePictureJobs();
  const mayMake = useMayMake();
  const plan = useJobPlan();
  const acts = () =>
    draft
      .fields()
      .filter((field) => field.control !== 'prompt' && isChanged(draft.values(), field))
      .filter((field) => matters(field, draft.values()))
      .map(({ label, control, name }) =>
        control === 'image' || control === 'units' ? label : `${label} ${String(draft.values()[name])}`,
      );
  return (
    <div class="sticky bottom-16 md:bottom-0 mt-auto bg-panel border-t border-line p-3 md:p-4 flex flex-col gap-2 z-10">
      <Show when={acts().length > 0}>
        <p class="hint truncate-2" title={acts().join(' · ')}>
          {words().create.acts(acts().join(' · '))}
        </p>
      </Show>
      <Show when={mayMake()} fallback={<p class="hint">{words().create.viewer}</p>}>
        <div role="status" class="hint">
          <For each={plan.lines()}>{(line) => <p>{line}</p>}</For>
        </div>
        <div class="row flex-wrap">
          <button
            type="submit"
            class="btn-primary flex-1 min-h-12 text-base"
            disabled={props.sending}
            title="Ctrl+Enter"
          >
            <Icon name="spark" />
            {jobs().length > 0 ? words().create.addToQueue : words().create.generate}
            <span class="hidden md:inline text-xs" aria-hidden="true">
              Ctrl ⏎
            </span>
          </button>
          <button
            type="button"
            class="btn min-h-12"
            aria-label={words().create.plan}
            title={words().create.plan}
            disabled={plan.busy()}
            onClick={() => void plan.ask()}
          >
            <Icon name="timer" />
          </button>
          <button
            type="button"
            class="btn min-h-12"
            aria-label={words().create.forever}
            title={words().create.forever}
            aria-pressed={props.forever}
            onClick={() => props.onForever(!props.forever)}
          >
            <Icon name="repeat" />
          </button>
        </div>
      </Show>
    </div>
  );
}
