/** How many tokens a prompt has, a while after the last letter; each chunk of 75 is read by itself. */

import { keepPreviousData, useQuery } from '@tanstack/solid-query';
import { createEffect, createSignal, onCleanup, Show } from 'solid-js';
import { keys } from '../state/keys.ts';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';

const patienceMs = 300;
const longest = 20_000;

export function TokenCount(props: { readonly text: string }) {
  const { api } = useStudio();
  const [settled, setSettled] = createSignal(props.text);
  createEffect(() => {
    const { text } = props;
    const timer = setTimeout(() => setSettled(text), patienceMs);
    onCleanup(() => clearTimeout(timer));
  });
  const measure = useQuery(() => ({
    queryKey: keys.measured(settled()),
    queryFn: async () => await api.measurePrompt({ text: settled() }),
    enabled: settled() !== '' && settled().length <= longest,
    placeholderData: keepPreviousData,
    gcTime: 60_000,
  }));
  return (
    <Show when={props.text !== '' && measure.data}>
      {(told) => (
        <small class="hint tabular-nums" title={words().create.chunks(told().chunks)}>
          {told().tokens}/{told().room}
        </small>
      )}
    </Show>
  );
}
