/** A number as text with its own rules: a comma is a point, arrows step, what is out of bounds goes to the nearest. */

import { words } from '../words/index.ts';
import type { FieldIds } from './field.tsx';

interface NumberInputProps {
  readonly label: string;
  readonly value: number;
  readonly step: number;
  /** The nearest value that is allowed. */
  readonly fitted: (value: number) => number;
  readonly ids?: FieldIds;
  /** As wide as there is room. */
  readonly wide?: boolean;
  readonly onChange: (value: number) => void;
}

export function NumberInput(props: NumberInputProps) {
  const set = (value: number, input?: HTMLInputElement) => {
    const next = Number(props.fitted(value).toFixed(6));
    if (input) input.value = String(next);
    if (next !== props.value) props.onChange(next);
  };
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
    const steps: Readonly<Record<string, number>> = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
    const by = steps[event.key];
    if (by === undefined || event.ctrlKey) return;
    event.preventDefault();
    set(props.value + by * props.step, event.currentTarget);
  };
  return (
    <input
      {...props.ids}
      type="text"
      inputmode="decimal"
      class={`field-box tabular-nums ${props.wide ? '' : 'w-20 text-right'}`}
      aria-label={props.ids ? undefined : props.label}
      title={`${words().common.less(props.label)}: ↓ · ${words().common.moreOf(props.label)}: ↑`}
      value={props.value}
      onChange={(event) => {
        const text = event.currentTarget.value.trim().replace(',', '.');
        set(text === '' ? Number.NaN : Number(text), event.currentTarget);
      }}
      onKeyDown={onKeyDown}
    />
  );
}
