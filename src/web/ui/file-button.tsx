/** A button, or any place that looks like one, that takes a file. */

import type { JSX } from 'solid-js';

interface FileButtonProps {
  readonly class?: string;
  readonly accept?: string;
  /** Where what is seen is no name for it. */
  readonly label?: string;
  readonly title?: string;
  readonly onChoose: (file: File) => void;
  readonly children: JSX.Element;
}

export function FileButton(props: FileButtonProps) {
  return (
    <label class={`focus-within:border-accent ${props.class ?? 'btn'}`} title={props.title}>
      {props.children}
      <input
        type="file"
        accept={props.accept}
        class="sr-only"
        aria-label={props.label}
        onChange={({ currentTarget: input }) => {
          const file = input.files?.[0];
          if (file) props.onChoose(file);
          // The same file again is a choice too.
          input.value = '';
        }}
      />
    </label>
  );
}
