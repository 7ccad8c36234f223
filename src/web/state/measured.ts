/**
 * What the server says of a prompt, a while after the last letter: how many tokens it has, and which of its words the
 * chosen model was never shown.
 */

import { keepPreviousData } from '@tanstack/solid-query';
import { createEffect, createSignal, onCleanup } from 'solid-js';
import { keys } from './keys.ts';
import { useChosenModel } from './queries.ts';
import { useQuery } from './query.ts';
import { useStudio } from './studio.tsx';

const patienceMs = 300;
const longest = 20_000;

/** Undefined while nothing is known; what is asked while someone types never takes the view away. */
export function useMeasured(text: () => string) {
  const { api } = useStudio();
  const model = useChosenModel();
  const [settled, setSettled] = createSignal(text());
  createEffect(() => {
    const now = text();
    const timer = setTimeout(() => setSettled(now), patienceMs);
    onCleanup(() => clearTimeout(timer));
  });
  const measure = useQuery(() => ({
    queryKey: keys.measured(settled(), model()?.name),
    queryFn: async () => await api.measurePrompt({ text: settled(), model: model()?.name }),
    enabled: settled() !== '' && settled().length <= longest,
    placeholderData: keepPreviousData,
    gcTime: 60_000,
  }));
  return () => (text() !== '' && measure.isSuccess ? measure.data : undefined);
}
