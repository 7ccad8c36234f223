/** Title of a view, with what can be done there. */

import type { JSX } from 'solid-js';

export function PageHead(props: { readonly title: string; readonly note?: string; readonly children?: JSX.Element }) {
  return (
    <header class="flex flex-wrap items-center gap-x-4 gap-y-2 py-4">
      <h1 class="text-xl font-semibold">{props.title}</h1>
      <p class="hint">{props.note}</p>
      <div class="ml-auto flex flex-wrap items-center gap-2">{props.children}</div>
    </header>
  );
}
