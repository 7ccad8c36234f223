/** Nothing to show, and why. */

import type { JSX } from 'solid-js';

export function Empty(props: { readonly text: string; readonly children?: JSX.Element }) {
  return (
    <div class="flex flex-col items-center justify-center gap-4 py-16 px-4 text-center text-dim">
      <p>{props.text}</p>
      {props.children}
    </div>
  );
}
