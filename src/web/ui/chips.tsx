/** Any of several, each switched by itself. */

import { For } from 'solid-js';
import { words } from '../words/index.ts';
import type { Choice } from './select.tsx';

interface ChipsProps {
  readonly choices: readonly Choice[];
  readonly chosen: readonly string[];
  /** Undefined where none is left. */
  readonly onChange: (chosen: readonly string[] | undefined) => void;
}

export function Chips(props: ChipsProps) {
  const toggle = (value: string) => {
    const { chosen } = props;
    const next = chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value];
    props.onChange(next.length === 0 ? undefined : next);
  };
  return (
    <div class="flex flex-wrap gap-1">
      <For each={props.choices} fallback={<p class="hint">{words().common.nothing}</p>}>
        {({ value, label }) => (
          <button type="button" class="chip" aria-pressed={props.chosen.includes(value)} onClick={() => toggle(value)}>
            {label}
          </button>
        )}
      </For>
    </div>
  );
}
