/** Create: the draft on the left, the picture large beside it, the latest pictures below. */

import { createEffect, createSignal, on, onCleanup, onMount, Show } from 'solid-js';
import { usePictureJobs } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { useNarrow } from '../ui/narrow.ts';
import { useDraftRequest } from './draft-request.ts';
import { Panel } from './panel.tsx';
import { usePasteAndDrop } from './paste.ts';
import { Stage, useStageMode } from './stage.tsx';
import { useTakePicture } from './start-picture.tsx';
import { Strip } from './strip.tsx';

export default function Create() {
  const studio = useStudio();
  const jobs = usePictureJobs();
  const requested = useDraftRequest();
  const [sending, setSending] = createSignal(false);
  const [mode] = useStageMode();
  const take = useTakePicture();
  const narrow = useNarrow();
  let stage!: HTMLElement;

  const generate = async (more: Record<string, unknown> = {}) => {
    if (sending()) return;
    setSending(true);
    const request = await requested(more);
    const job = request && (await studio.submit(request));
    setSending(false);
    if (!job) setForever(false);
    if (job && mode() === 'canvas') studio.setStaged([...studio.staged(), job.id]);
    if (job && narrow()) stage.scrollIntoView({ block: 'start' });
  };
  const [forever, setForever] = createSignal(false);
  const busy = () => jobs().length > 0;
  // A failed job ends it too: the same again would fail again.
  createEffect(
    on(busy, (now, before) => {
      if (before && !now && forever()) void generate();
    }),
  );
  const goOn = (wanted: boolean) => {
    setForever(wanted);
    if (wanted && !busy()) void generate();
  };
  const interrupt = () => {
    setForever(false);
    const running = jobs().find(({ state }) => state === 'running');
    if (running) void studio.attempt(() => studio.api.cancelJob({ id: running.id }));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void generate();
    } else if (event.key === 'Escape' && event.altKey) interrupt();
  };
  usePasteAndDrop(take);
  onMount(() => document.addEventListener('keydown', onKeyDown));
  onCleanup(() => document.removeEventListener('keydown', onKeyDown));

  return (
    <div class="flex-1 flex flex-col md:flex-row min-h-0">
      <Panel sending={sending()} forever={forever()} onForever={goOn} onGenerate={() => void generate()} />
      <div class="flex-1 min-w-0 flex flex-col md:(h-[calc(100dvh-3.6rem)] sticky top-14.5)">
        <Stage ref={(element) => (stage = element)} onGenerate={(prompt) => void generate({ prompt })} />
        <Show when={mode() !== 'compare'}>
          <Strip />
        </Show>
      </div>
    </div>
  );
}
