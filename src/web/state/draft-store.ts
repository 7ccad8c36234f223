/** The draft of this tab as a signal: kept over reloads in the tab's own storage, begun from what was last typed anywhere. */

import { createMemo, createSignal } from 'solid-js';
import { type Draft, restoreDraft, withValue } from './draft.ts';
import { fieldsOf, type SettingField } from './fields.ts';

const key = 'darkroom.draft';

export function createDraft() {
  // The same schema again, after a reconnect, must not draw the form anew under someone's hands.
  const [schema, setSchema] = createSignal<unknown>({}, { equals: isSame });
  const [values, setValues] = createSignal<Draft>({});
  /** What the server said against fields, by name. */
  const [errors, setErrors] = createSignal<Readonly<Record<string, string>>>({});
  /** What the chosen model prefers stands for what is left open. */
  const [preferred, setPreferred] = createSignal<Readonly<Record<string, unknown>>>({}, { equals: isSame });
  const declared = createMemo(() => fieldsOf(schema()));
  /** Those of which nothing is preferred stay the same, and with them the controls that someone may be typing into. */
  const fields = createMemo(() =>
    declared().map((field) => {
      const fallback = preferred()[field.name] ?? field.fallback;
      return fallback === field.fallback ? field : { ...field, fallback };
    }),
  );
  let opened = false;

  function replace(next: Draft): void {
    setValues(next);
    setErrors({});
    keep(next);
  }

  return {
    values,
    fields,
    errors,
    setErrors,
    setPreferred,
    replace,
    /** Once the server has said which fields there are. */
    open(request: unknown): void {
      setSchema(() => request);
      if (opened) return;
      opened = true;
      setValues(restoreDraft(stored(), fields()));
    },
    set(name: string, value: unknown): void {
      replace(withValue(values(), name, value));
    },
    field: (name: string): SettingField | undefined => fields().find((each) => each.name === name),
  };
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Of this tab, else of the tab that typed last. Storage may be switched off; the form then starts empty. */
function stored(): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

function keep(draft: Draft): void {
  try {
    const text = JSON.stringify(draft);
    sessionStorage.setItem(key, text);
    localStorage.setItem(key, text);
  } catch {
    // Full (a start picture may be large) or switched off.
  }
}
