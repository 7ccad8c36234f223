/** Controls that belong together, with a name for those who do not see that they stand together. */

import type { JSX } from 'solid-js';

export function Group(props: { readonly label: string; readonly class?: string; readonly children: JSX.Element }) {
  return (
    <fieldset class={`border-0 p-0 m-0 min-w-0 ${props.class ?? ''}`} aria-label={props.label}>
      {props.children}
    </fieldset>
  );
}
