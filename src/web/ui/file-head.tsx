/** Over a file that was brought to look at: its name, and away with it. */

import { words } from '../words/index.ts';
import { Icon } from './icon.tsx';

export function FileHead(props: { readonly name: string; readonly onClose: () => void }) {
  return (
    <div class="row">
      <h2 class="title truncate">{props.name}</h2>
      <button
        type="button"
        class="btn-quiet ml-auto px-2"
        aria-label={words().common.close}
        onClick={() => props.onClose()}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
