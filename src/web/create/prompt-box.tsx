/**
 * A prompt: grows with its text, counts its tokens, Ctrl+Up and Ctrl+Down weigh the selection, brackets are checked, and
 * what is typed is completed with networks, embeddings, their words, and word lists.
 */

import { createEffect, createMemo, createSignal, For, Show } from 'solid-js';
import { fileAddress } from '../api.ts';
import {
  type Candidate,
  candidatesOf,
  completed,
  completions,
  missingNetworks,
  type Typed,
  typedAt,
} from '../state/completion.ts';
import type { SettingField } from '../state/fields.ts';
import { keys } from '../state/keys.ts';
import { useMeasured } from '../state/measured.ts';
import { useModels } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { emphasised, unmatchedBracket } from '../state/weights.ts';
import { Field, type FieldIds } from '../ui/field.tsx';
import { words } from '../words/index.ts';

const weightStep = 0.1;

export function PromptBox(props: { readonly field: SettingField; readonly first: boolean }) {
  const { draft } = useStudio();
  const text = () => String(draft.values()[props.field.name] ?? '');
  const measured = useMeasured(text);
  const models = useModels();
  const hint = () => {
    const { bracket: noPartner, unknown: notKnown, notHere } = words().create;
    const bracket = unmatchedBracket(text());
    const unknown = measured()?.unknown ?? [];
    const missing = models.data ? missingNetworks(text(), models.data) : [];
    const said = [
      ...(bracket === undefined ? [] : [noPartner(bracket)]),
      ...(missing.length === 0 ? [] : [notHere(missing.join(', '))]),
      ...(unknown.length === 0 ? [] : [notKnown(unknown.join(', '))]),
    ];
    return said.length === 0 ? undefined : said.join(' · ');
  };
  return (
    <Field
      label={props.field.label}
      error={draft.errors()[props.field.name]}
      hint={hint()}
      aside={
        <Show when={measured()}>
          {(told) => (
            <small class="hint tabular-nums" title={words().create.chunks(told().chunks)}>
              {told().tokens}/{told().room}
            </small>
          )}
        </Show>
      }
    >
      {(ids) => <Writing field={props.field} first={props.first} text={text()} ids={ids} />}
    </Field>
  );
}

interface WritingProps {
  readonly field: SettingField;
  readonly first: boolean;
  readonly text: string;
  readonly ids: FieldIds;
}

function Writing(props: WritingProps) {
  const { draft } = useStudio();
  let box!: HTMLTextAreaElement;
  createEffect(() => {
    void props.text;
    box.style.height = 'auto';
    box.style.height = `${Math.min(box.scrollHeight + 2, innerHeight / 2)}px`;
  });
  const put = (text: string, start: number, end = start) => {
    draft.set(props.field.name, text);
    box.value = text;
    box.setSelectionRange(start, end);
  };
  const completion = useCompletion((typed, candidate) => {
    const { text, cursor } = completed(box.value, typed, candidate);
    put(text, cursor);
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (completion.onKey(event)) return;
    const by = event.key === 'ArrowUp' ? weightStep : event.key === 'ArrowDown' ? -weightStep : 0;
    if (by === 0 || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const edited = emphasised(box.value, box.selectionStart, box.selectionEnd, by, draft.values().emphasis);
    put(edited.text, edited.start, edited.end);
  };
  const listId = () => `${props.ids.id}-list`;
  const open = () => completion.offered().length > 0;
  return (
    <div class="relative">
      <textarea
        {...props.ids}
        ref={box}
        rows={props.first ? 3 : 1}
        class="field-box resize-none overflow-auto"
        placeholder={props.first ? words().create.promptPlaceholder : words().create.negativePlaceholder}
        value={props.text}
        aria-autocomplete="list"
        aria-controls={open() ? listId() : undefined}
        aria-activedescendant={open() ? `${listId()}-${completion.at()}` : undefined}
        onInput={(event) => {
          draft.set(props.field.name, event.currentTarget.value);
          completion.look(box.value, box.selectionStart);
        }}
        onClick={() => completion.close()}
        onBlur={() => completion.close()}
        onKeyDown={onKeyDown}
      />
      <Show when={open()}>
        <div
          id={listId()}
          role="listbox"
          aria-label={words().create.completions}
          class="absolute z-20 inset-x-0 top-full mt-1 card shadow-lg max-h-80 overflow-auto p-1"
        >
          <For each={completion.offered()}>
            {(candidate, index) => (
              <Offer
                id={`${listId()}-${index()}`}
                candidate={candidate}
                chosen={index() === completion.at()}
                onChoose={() => completion.choose(candidate)}
              />
            )}
          </For>
        </div>
      </Show>
    </div>
  );
}

interface OfferProps {
  readonly id: string;
  readonly candidate: Candidate;
  readonly chosen: boolean;
  readonly onChoose: () => void;
}

function Offer(props: OfferProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the text box has the keys
    <div
      id={props.id}
      role="option"
      tabIndex={-1}
      aria-selected={props.chosen}
      class="flex items-center gap-2 px-2 py-1 rounded-lg cursor-pointer hover:bg-sunk aria-selected:bg-sunk"
      // Before the text box loses the focus, and with it this list.
      onPointerDown={(event) => event.preventDefault()}
      onClick={() => props.onChoose()}
    >
      <Show when={props.candidate.preview}>
        {(id) => (
          <img
            src={fileAddress('getModelPreview', { id: id() })}
            alt=""
            class="size-8 rounded object-cover"
            loading="lazy"
          />
        )}
      </Show>
      <span class="flex-1 min-w-0 truncate">{props.candidate.label}</span>
      <span class="hint truncate max-w-40">
        {props.candidate.detail || words().models.kinds[props.candidate.kind] || words().create.wordList}
      </span>
    </div>
  );
}

/** What is offered for what is being typed, and the keys that choose. */
function useCompletion(use: (typed: Typed, candidate: Candidate) => void) {
  const { api } = useStudio();
  const models = useModels();
  const wildcards = useQuery(() => ({
    queryKey: keys.wildcards,
    queryFn: async () => (await api.listWildcards()).wildcards,
  }));
  const candidates = createMemo(() => candidatesOf(models.data ?? [], wildcards.data ?? []));
  const [typed, setTyped] = createSignal<Typed>();
  const [at, setAt] = createSignal(0);
  const offered = createMemo(() => (typed() ? completions(typed()!, candidates()) : []));
  const close = () => setTyped(undefined);
  const choose = (candidate: Candidate) => {
    use(typed()!, candidate);
    close();
  };
  const walk = (step: number) => setAt((now) => (now + step + offered().length) % offered().length);
  const acts: Readonly<Record<string, () => void>> = {
    ArrowDown: () => walk(1),
    ArrowUp: () => walk(-1),
    Enter: () => choose(offered()[at()]!),
    Tab: () => choose(offered()[at()]!),
    Escape: close,
  };
  return {
    offered,
    at,
    choose,
    close,
    look(text: string, cursor: number): void {
      setAt(0);
      setTyped(typedAt(text, cursor));
    },
    /** @returns whether the key was for the list */
    onKey(event: KeyboardEvent): boolean {
      const act = acts[event.key];
      if (!act || offered().length === 0 || event.ctrlKey || event.metaKey) return false;
      event.preventDefault();
      event.stopPropagation();
      act();
      return true;
    },
  };
}
