/** How far something is. */

import { createEffect } from 'solid-js';

interface ProgressProps {
  readonly label: string;
  /** 0 to 1; undefined where nobody knows yet. */
  readonly value: number | undefined;
  readonly class?: string;
}

export function Progress(props: ProgressProps) {
  let bar!: HTMLProgressElement;
  // The element has no value for what is not known: only the attribute may be absent.
  createEffect(() => {
    if (props.value === undefined) bar.removeAttribute('value');
    else bar.value = props.value;
  });
  return <progress ref={bar} max="1" aria-label={props.label} class={`h-2 ${props.class ?? 'w-full'}`} />;
}
