/** What is known of something: names and values, in two columns. */

import { For } from 'solid-js';

export function FactList(props: { readonly rows: readonly (readonly [name: string, value: string])[] }) {
  return (
    <dl class="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm m-0 max-h-100 overflow-auto">
      <For each={props.rows}>
        {([name, value]) => (
          <>
            <dt class="text-dim [overflow-wrap:anywhere]">{name}</dt>
            <dd class="m-0 [overflow-wrap:anywhere]">{value}</dd>
          </>
        )}
      </For>
    </dl>
  );
}
