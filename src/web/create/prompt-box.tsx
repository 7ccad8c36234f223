/** A prompt: grows with its text, Ctrl+Up and Ctrl+Down weigh the selection, brackets are checked. */

import { createEffect } from 'solid-js';
import type { SettingField } from '../state/fields.ts';
import { useStudio } from '../state/studio.tsx';
import { emphasised, unmatchedBracket } from '../state/weights.ts';
import { Field } from '../ui/field.tsx';
import { words } from '../words/index.ts';

const weightStep = 0.1;

export function PromptBox(props: { readonly field: SettingField; readonly first: boolean }) {
  const { draft } = useStudio();
  let box!: HTMLTextAreaElement;
  const text = () => String(draft.values()[props.field.name] ?? '');
  const grow = () => {
    box.style.height = 'auto';
    box.style.height = `${Math.min(box.scrollHeight + 2, innerHeight / 2)}px`;
  };
  createEffect(() => {
    text();
    grow();
  });
  const bracket = () => unmatchedBracket(text());
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowUp' ? weightStep : event.key === 'ArrowDown' ? -weightStep : 0;
    if (by === 0 || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const edited = emphasised(box.value, box.selectionStart, box.selectionEnd, by);
    draft.set(props.field.name, edited.text);
    box.value = edited.text;
    box.setSelectionRange(edited.start, edited.end);
  };
  return (
    <Field
      label={props.field.label}
      error={draft.errors()[props.field.name]}
      hint={bracket() === undefined ? undefined : words().create.bracket(bracket()!)}
    >
      {(ids) => (
        <textarea
          {...ids}
          ref={box}
          rows={props.first ? 3 : 1}
          class="field-box resize-none overflow-auto"
          placeholder={props.first ? words().create.promptPlaceholder : words().create.negativePlaceholder}
          value={text()}
          onInput={(event) => draft.set(props.field.name, event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      )}
    </Field>
  );
}
