/** What the draft would take, asked before it is drawn; what was told goes when the draft changes. */

import { createEffect, createSignal, on } from 'solid-js';
import { useStudio } from '../state/studio.tsx';
import { duration, fileSize } from '../words/figures.ts';
import { words } from '../words/index.ts';
import { toldWarning } from '../words/told.ts';
import { useDraftRequest } from './draft-request.ts';

export function useJobPlan() {
  const studio = useStudio();
  const requested = useDraftRequest();
  const [busy, setBusy] = createSignal(false);
  const [plan, setPlan] = createSignal<Awaited<ReturnType<typeof studio.api.planJob>>>();
  createEffect(on(studio.draft.values, () => setPlan(undefined), { defer: true }));
  const ask = async () => {
    setBusy(true);
    setPlan(undefined);
    const request = await requested();
    const asked = studio.draft.values();
    const answer = request && (await studio.attempt(async () => await studio.api.planJob(request as never)));
    if (studio.draft.values() === asked) setPlan(answer);
    setBusy(false);
  };
  /** A sentence each. */
  const lines = (): string[] => {
    const found = plan();
    if (busy()) return [words().create.planning];
    if (!found) return [];
    const { seconds, memoryBytes, freeBytes, warnings } = found;
    const size = (bytes: number | undefined) => (bytes === undefined ? undefined : fileSize(bytes));
    const time = seconds === undefined ? undefined : duration(seconds);
    return [words().create.planned(time, size(memoryBytes), size(freeBytes)), ...warnings.map(toldWarning)];
  };
  return { busy, ask, lines };
}
