/** A label, its control, and what is wrong or helpful about it, tied together for screen readers. */

import { createUniqueId, type JSX, Show } from 'solid-js';
import { words } from '../words/index.ts';

export interface FieldIds {
  readonly id: string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-describedby': string;
}

interface FieldProps {
  readonly label: string;
  readonly error?: string | undefined;
  readonly hint?: string | undefined;
  /** A dot beside the label, and a way back to the default. */
  readonly changed?: boolean;
  readonly onReset?: () => void;
  /** Beside the label, at the end of its line. */
  readonly aside?: JSX.Element;
  /** The control on the label's line instead of below it. */
  readonly beside?: boolean;
  readonly children: (ids: FieldIds) => JSX.Element;
}

export function Field(props: FieldProps) {
  const id = createUniqueId();
  const ids: FieldIds = {
    id,
    get 'aria-invalid'() {
      return props.error !== undefined;
    },
    'aria-describedby': `${id}-about`,
  };
  return (
    <div class="flex flex-col gap-1 min-w-0">
      <div class="flex flex-wrap items-center gap-x-2 min-h-6">
        <label for={id} class="text-sm font-medium">
          {props.label}
        </label>
        <Show when={props.changed}>
          <button
            type="button"
            class="size-6 rounded-full inline-flex items-center justify-center cursor-pointer hover:bg-sunk"
            title={words().common.reset}
            aria-label={`${words().common.reset}: ${props.label}`}
            onClick={() => props.onReset?.()}
          >
            <span class="size-2 rounded-full bg-accent" />
          </button>
        </Show>
        <span class="ml-auto">{props.beside ? props.children(ids) : props.aside}</span>
      </div>
      <Show when={!props.beside}>{props.children(ids)}</Show>
      <small id={`${id}-about`} class={props.error === undefined ? 'hint empty:hidden' : 'problem-text'}>
        {props.error ?? props.hint}
      </small>
    </div>
  );
}
