/** Puts chosen pictures on a board, a new one too, or takes them from the one that is looked at. */

import { useQueryClient } from '@tanstack/solid-query';
import { createSignal, For, Show } from 'solid-js';
import { keys } from '../state/keys.ts';
import { useBoards } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';

interface BoardMenuProps {
  readonly ids: readonly string[];
  readonly board: string | undefined;
}

export function BoardMenu(props: BoardMenuProps) {
  const studio = useStudio();
  const client = useQueryClient();
  const boards = useBoards();
  const [name, setName] = createSignal('');
  let menu!: HTMLDetailsElement;
  const ids = () => [...props.ids];
  const change = async (work: () => Promise<{ readonly name: string }>, told: (name: string) => string) => {
    const board = await studio.attempt(work);
    if (!board) return;
    menu.open = false;
    studio.say({ kind: 'info', text: told(board.name) });
    await Promise.all([keys.boards, keys.pictures].map((key) => client.invalidateQueries({ queryKey: key })));
  };
  const put = (id: string) =>
    void change(async () => await studio.api.addToBoard({ id, ids: ids() }), words().boards.put);
  const take = () =>
    void change(async () => await studio.api.takeFromBoard({ id: props.board!, ids: ids() }), words().boards.taken);
  const make = () =>
    void change(async () => {
      const { id } = await studio.api.createBoard({ name: name().trim() });
      setName('');
      return await studio.api.addToBoard({ id, ids: ids() });
    }, words().boards.put);
  return (
    <details ref={menu} class="relative">
      <summary class="btn list-none">{words().boards.menu}</summary>
      <div class="popover w-70">
        <Show when={props.board}>
          <button type="button" class="btn" onClick={take}>
            {words().boards.take}
          </button>
        </Show>
        <ul class="flex flex-col gap-1 max-h-60 overflow-auto">
          <For each={boards.data}>
            {(board) => (
              <li>
                <button type="button" class="btn-quiet w-full justify-start" onClick={() => put(board.id)}>
                  {board.name}
                </button>
              </li>
            )}
          </For>
        </ul>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (name().trim() !== '') make();
          }}
        >
          <input
            class="field-box flex-1 min-w-0"
            aria-label={words().boards.name}
            placeholder={words().boards.name}
            value={name()}
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <button type="submit" class="btn" disabled={name().trim() === ''}>
            {words().boards.make}
          </button>
        </form>
      </div>
    </details>
  );
}
