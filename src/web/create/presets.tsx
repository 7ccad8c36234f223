/** Presets (named drafts) and styles: applied, kept, forgotten, and brought as files of other programs. */

import { useQueryClient } from '@tanstack/solid-query';
import { createSignal, For, Show } from 'solid-js';
import { recall } from '../state/draft.ts';
import { keys } from '../state/keys.ts';
import { keepPresets, type Presets, readPreset, storedPresets } from '../state/presets.ts';
import { useControls } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

export function PresetMenu() {
  const studio = useStudio();
  const [presets, setPresets] = createSignal<Presets>(storedPresets());
  const [name, setName] = createSignal('');
  const put = (next: Presets) => {
    if (!keepPresets(next)) return studio.say({ kind: 'error', text: words().presets.noRoom });
    setPresets(next);
  };
  const apply = (values: Readonly<Record<string, unknown>>) => {
    studio.redraft(recall(values, studio.draft.fields()), words().presets.applied);
  };
  const save = () => {
    const called = name().trim();
    if (called === '') return;
    // A start picture belongs to one work, not to a way of working.
    const { init: _init, mask: _mask, ...kept } = studio.draft.values();
    put({ ...presets(), [called]: kept });
    setName('');
  };
  const forget = (called: string) => {
    const before = presets();
    const { [called]: _gone, ...rest } = before;
    put(rest);
    const action = { label: words().common.undo, run: () => put(before) };
    studio.say({ kind: 'info', text: words().presets.forgotten(called), action });
  };
  const bring = useImport(apply);
  const listed = () => Object.keys(presets()).sort((a, b) => a.localeCompare(b));
  return (
    <details class="relative">
      <summary class="chip list-none">{words().presets.title}</summary>
      <div class="popover w-80">
        <ul class="flex flex-col gap-1 max-h-60 overflow-auto">
          <For each={listed()} fallback={<li class="hint">{words().presets.none}</li>}>
            {(called) => (
              <li class="row">
                <button
                  type="button"
                  class="btn-quiet flex-1 justify-start min-w-0"
                  onClick={() => apply(presets()[called]!)}
                >
                  <span class="truncate">{called}</span>
                </button>
                <button
                  type="button"
                  class="btn-quiet px-2"
                  aria-label={`${words().common.delete}: ${called}`}
                  onClick={() => forget(called)}
                >
                  <Icon name="trash" class="size-4" />
                </button>
              </li>
            )}
          </For>
        </ul>
        <div class="row">
          <input
            class="field-box flex-1 min-w-0"
            aria-label={words().presets.name}
            placeholder={words().presets.name}
            value={name()}
            onInput={(event) => setName(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return;
              event.preventDefault();
              save();
            }}
          />
          <button type="button" class="btn" disabled={name().trim() === ''} onClick={save}>
            {words().common.save}
          </button>
        </div>
        <FileButton accept=".csv,.json" onChoose={(file) => void bring(file)}>
          {words().presets.bring}
        </FileButton>
        <Show when={listed().length === 0}>
          <p class="hint">{words().presets.hint}</p>
        </Show>
      </div>
    </details>
  );
}

/** A styles.csv goes to the server's styles, a preset of Fooocus or of this page into the form. */
function useImport(apply: (values: Readonly<Record<string, unknown>>) => void): (file: File) => Promise<void> {
  const studio = useStudio();
  const controls = useControls();
  const client = useQueryClient();
  const names = () => {
    const all = [...(controls.data?.samplers ?? []), ...(controls.data?.schedulers ?? [])];
    return new Map(
      all.flatMap(({ name, aliases = [] }: { name: string; aliases?: readonly string[] }) =>
        aliases.map((alias) => [alias, name] as const),
      ),
    );
  };
  return async (file) => {
    const text = await file.text();
    if (file.name.endsWith('.csv')) {
      const made = await studio.attempt(async () => await studio.api.importStyles({ sheet: text }));
      if (!made) return;
      await client.invalidateQueries({ queryKey: keys.styles });
      return studio.say({ kind: 'info', text: words().presets.styles(made.styles.length) });
    }
    const read = readPreset(text, names());
    if (!read) return studio.say({ kind: 'error', text: words().presets.unreadable });
    apply(read.draft);
    if (read.leftOut.length > 0) studio.say({ kind: 'error', text: words().presets.leftOut(read.leftOut.join(', ')) });
  };
}
