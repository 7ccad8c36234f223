/** Removes what cannot come back: the first press asks, the second one does it. */

import { createSignal } from 'solid-js';
import { words } from '../words/index.ts';
import { Icon } from './icon.tsx';

interface ForGoodButtonProps {
  /** What is shown before the first press; an icon alone where it is left out. */
  readonly text?: string;
  /** Its name where the text says too little. */
  readonly label?: string;
  readonly small?: boolean;
  readonly onRemove: () => void;
}

export function ForGoodButton(props: ForGoodButtonProps) {
  const [asked, setAsked] = createSignal(false);
  const press = () => {
    if (asked()) props.onRemove();
    setAsked(!asked());
  };
  const look = () => (asked() || !props.small ? 'btn-danger' : 'btn-quiet');
  return (
    <button
      type="button"
      class={`${look()} ${props.small ? 'min-h-8 text-sm' : ''}`}
      aria-label={props.label}
      onBlur={() => setAsked(false)}
      onClick={press}
    >
      <Icon name="trash" class={props.small ? 'size-4' : undefined} />{' '}
      {asked() ? words().common.forGood : (props.text ?? '')}
    </button>
  );
}
