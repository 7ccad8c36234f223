/** Notices at the lower edge; they lie above everything, also above a picture that has the whole screen, and take no focus. */

import { createEffect, For, Show } from 'solid-js';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

export function Notices() {
  const { notices, dismiss } = useStudio();
  let list!: HTMLUListElement;
  // Of what lies in the top layer the last that came is above.
  createEffect(() => {
    list.hidePopover();
    if (notices().length > 0) list.showPopover();
  });
  return (
    <ul
      ref={list}
      popover="manual"
      class="top-layer fixed bottom-20 md:bottom-4 right-4 left-4 md:(left-auto w-96) flex flex-col gap-2"
      aria-live="polite"
    >
      <For each={notices()}>
        {(notice) => (
          <li
            role={notice.kind === 'error' ? 'alert' : 'status'}
            class="card shadow-lg p-3 pl-4 flex items-start gap-3 border-l-4"
            classList={{ 'border-l-problem': notice.kind === 'error', 'border-l-good': notice.kind === 'info' }}
          >
            <Icon
              name={notice.kind === 'error' ? 'warning' : 'check'}
              class={`size-5 mt-0.5 ${notice.kind === 'error' ? 'text-problem' : 'text-good'}`}
            />
            <div class="flex-1 min-w-0">
              <p class="break-words">{notice.text}</p>
              <Show when={notice.remedy}>
                <p class="hint">{notice.remedy}</p>
              </Show>
            </div>
            <Show when={notice.action}>
              {(action) => (
                <button
                  type="button"
                  class="btn min-h-8"
                  onClick={() => {
                    action().run();
                    dismiss(notice.id);
                  }}
                >
                  {action().label}
                </button>
              )}
            </Show>
            <button
              type="button"
              class="btn-quiet min-h-8 px-1"
              aria-label={words().common.close}
              onClick={() => dismiss(notice.id)}
            >
              <Icon name="close" />
            </button>
          </li>
        )}
      </For>
    </ul>
  );
}
