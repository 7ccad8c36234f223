/** Some fields of a schema, and what was put into them. */

import { For } from 'solid-js';
import type { SettingField } from '../web/state/fields.ts';
import { FieldControl } from '../web/ui/field-control.tsx';
import type { Choice } from '../web/ui/select.tsx';

export type Values = Readonly<Record<string, unknown>>;

interface FormProps {
  readonly fields: readonly SettingField[];
  readonly values: Values;
  /** Of fields whose choices are a list of a name. */
  readonly choices?: Readonly<Record<string, readonly Choice[]>>;
  readonly onChange: (values: Values) => void;
}

export function Form(props: FormProps) {
  return (
    <div class="stack">
      <For each={props.fields}>
        {(field) => (
          <FieldControl
            field={field}
            value={props.values[field.name]}
            choices={typeof field.choices === 'string' ? props.choices?.[field.choices] : undefined}
            onChange={(value) => props.onChange({ ...props.values, [field.name]: value })}
          />
        )}
      </For>
    </div>
  );
}
