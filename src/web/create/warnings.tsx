/** What of a request was not acted on, beside the picture that came of it. */

import { For, Show } from 'solid-js';
import { useJob } from '../state/queries.ts';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { toldWarning } from '../words/told.ts';

export function Warnings(props: { readonly job: string | undefined }) {
  const job = useJob(() => props.job);
  return (
    <Show when={(job.isSuccess ? job.data.warnings : []).length > 0}>
      <section class="card w-full max-w-180 p-3 flex gap-3" aria-label={words().stage.warnings}>
        <Icon name="warning" class="size-5 text-problem" />
        <ul class="text-sm flex flex-col gap-1 min-w-0 [overflow-wrap:anywhere]">
          <For each={job.data!.warnings}>{(text) => <li>{toldWarning(text)}</li>}</For>
        </ul>
      </section>
    </Show>
  );
}
