/** "I already have a folder": models of another program are used where they lie. */

import { createSignal, Show } from 'solid-js';
import { useStatus } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';

export function AddFolder() {
  const studio = useStudio();
  const status = useStatus();
  const [busy, setBusy] = createSignal(false);
  const add = async (input: HTMLInputElement) => {
    const folder = input.value.trim();
    if (folder === '') return;
    setBusy(true);
    const added = await studio.attempt(async () => await studio.api.addModelFolder({ folder }));
    setBusy(false);
    if (!added) return;
    input.value = '';
    studio.say({ kind: 'info', text: words().models.folderAdded(added.folder, added.models) });
  };
  return (
    <Show when={status.data?.user.role === 'admin'}>
      <form
        class="row flex-wrap"
        onSubmit={(event) => {
          event.preventDefault();
          void add(event.currentTarget.elements.namedItem('folder') as HTMLInputElement);
        }}
      >
        <input
          name="folder"
          class="field-box flex-1 at-least-40"
          aria-label={words().models.folder}
          placeholder={words().models.folderPlaceholder}
          autocomplete="off"
          spellcheck={false}
        />
        <button type="submit" class="btn" disabled={busy()}>
          {words().models.addFolder}
        </button>
      </form>
    </Show>
  );
}
