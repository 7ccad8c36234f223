/** A native drop-down: phones show their own picker, and screen readers know it. */

import { For, type JSX } from 'solid-js';
import type { FieldIds } from './field.tsx';

export interface Choice {
  readonly value: string;
  readonly label: string;
  readonly disabled?: boolean;
  readonly title?: string | undefined;
}

interface SelectProps {
  readonly choices: readonly Choice[];
  readonly value: string;
  readonly label?: string;
  readonly ids?: FieldIds;
  readonly class?: string;
  readonly onChange: (value: string) => void;
}

export function Select(props: SelectProps): JSX.Element {
  return (
    <select
      {...props.ids}
      aria-label={props.ids ? undefined : props.label}
      class={`field-box pr-8 text-ellipsis ${props.class ?? ''}`}
      onChange={(event) => props.onChange(event.currentTarget.value)}
    >
      <For each={props.choices}>
        {(choice) => (
          <option
            value={choice.value}
            selected={choice.value === props.value}
            disabled={choice.disabled}
            title={choice.title}
          >
            {choice.label}
          </option>
        )}
      </For>
    </select>
  );
}
