/** Title of a view, with what can be done there. */

import type { JSX } from 'solid-js';

export function PageHead(props: { readonly title: string; readonly note?: string; readonly children?: JSX.Element }) {
  return (
    <header class="flex flex-wrap items-center gap-x-4 gap-y-2 py-4">
      <h1 class="text-xl font-semibold max-w-full [overflow-wrap:anywhere]">{props.title}</h1>
      <p class="hint empty:hidden">{props.note}</p>
      <div class="ml-auto max-w-full flex flex-wrap items-center gap-2 empty:hidden">{props.children}</div>
    </header>
  );
}
