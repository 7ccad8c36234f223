/** Messages at the edge of the page. */

import { For, Show } from 'solid-js';
import type { Notice } from '../state/notices.ts';
import { Icon } from './icons.tsx';

interface NoticesProps {
  readonly notices: readonly Notice[];
  readonly onDismiss: (id: number) => void;
}

export function Notices(props: NoticesProps) {
  return (
    <section class="notices" aria-label="Messages" aria-live="polite">
      <For each={props.notices}>
        {(notice) => (
          <div class={`notice ${notice.kind}`} role={notice.kind === 'error' ? 'alert' : undefined}>
            <p>
              {notice.text}
              <Show when={notice.remedy}> {notice.remedy}</Show>
            </p>
            <Show when={notice.action}>
              {(action) => (
                <button
                  type="button"
                  class="link"
                  onClick={() => {
                    action().run();
                    props.onDismiss(notice.id);
                  }}
                >
                  {action().label}
                </button>
              )}
            </Show>
            <button type="button" class="quiet" aria-label="Close message" onClick={() => props.onDismiss(notice.id)}>
              <Icon name="close" />
            </button>
          </div>
        )}
      </For>
    </section>
  );
}
