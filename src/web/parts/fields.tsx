/** Labelled controls. Each ties its error and hint to its input, so that screen readers say them. */

import { createUniqueId, type JSX, Show } from 'solid-js';
import { clamp, type NumberControl, sliderEnd } from '../state/controls.ts';

export interface FieldIds {
  readonly id: string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-describedby': string;
}

interface FieldProps {
  readonly label: string;
  readonly error?: string | undefined;
  readonly hint?: string | undefined;
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
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children(ids)}
      <small id={`${id}-about`} class={props.error === undefined ? 'hint' : 'problem'}>
        {props.error ?? props.hint}
      </small>
    </div>
  );
}

interface NumberProps {
  readonly label: string;
  readonly control: NumberControl;
  readonly value: number;
  readonly step?: number;
  readonly error?: string | undefined;
  readonly onChange: (value: number) => void;
}

/** A number with buttons for less and more. What is no number, or out of bounds, goes to the nearest that fits. */
export function NumberInput(props: NumberProps) {
  const step = () => props.step ?? 1;
  const set = (value: number, input?: HTMLInputElement) => {
    const fitting = Number.isFinite(value)
      ? clamp(value, props.control.min, props.control.max)
      : props.control.fallback;
    if (input) input.value = String(fitting);
    if (fitting !== props.value) props.onChange(fitting);
  };
  return (
    <div class="number" title={props.control.help}>
      <button
        type="button"
        aria-label={`Less: ${props.label}`}
        disabled={props.value <= props.control.min}
        onClick={() => set(props.value - step())}
      >
        −
      </button>
      <input
        type="text"
        inputmode="decimal"
        aria-label={props.label}
        value={props.value}
        onChange={(event) => {
          const { value } = event.currentTarget;
          const number = value.trim() === '' ? Number.NaN : Number(value.replace(',', '.'));
          set(Number.isInteger(step()) ? Math.round(number) : number, event.currentTarget);
        }}
        onKeyDown={(event) => {
          const direction = event.key === 'ArrowUp' ? 1 : event.key === 'ArrowDown' ? -1 : 0;
          if (direction === 0) return;
          event.preventDefault();
          set(props.value + direction * step());
        }}
      />
      <button
        type="button"
        aria-label={`More: ${props.label}`}
        disabled={props.value >= props.control.max}
        onClick={() => set(props.value + step())}
      >
        +
      </button>
    </div>
  );
}

/** A slider over the usual range beside a number input over the whole one. */
export function Slider(props: NumberProps) {
  const end = () => Math.max(sliderEnd(props.control), props.value);
  return (
    <Field label={props.label} error={props.error}>
      {(ids) => (
        <div class="slider">
          <input
            {...ids}
            type="range"
            title={props.control.help}
            min={props.control.min}
            max={end()}
            step={props.step ?? 1}
            value={props.value}
            style={{ '--part': `${((props.value - props.control.min) / (end() - props.control.min)) * 100}%` }}
            onInput={(event) => props.onChange(event.currentTarget.valueAsNumber)}
          />
          <NumberInput {...props} />
        </div>
      )}
    </Field>
  );
}

/** Shows nothing at all when there is nothing to show. */
export function Facts(props: {
  readonly rows: readonly (readonly [name: string, value: string | number | undefined])[];
}) {
  return (
    <dl class="facts">
      {props.rows.map(([name, value]) => (
        <Show when={value !== undefined && value !== ''}>
          <div>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        </Show>
      ))}
    </dl>
  );
}
