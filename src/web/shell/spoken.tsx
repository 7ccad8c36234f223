/** Says what happens to those who do not see it. */

import { createEffect, createSignal } from 'solid-js';
import { useOpenJobs } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { spokenProgress } from '../words/figures.ts';
import { words } from '../words/index.ts';

export function Spoken() {
  const studio = useStudio();
  const jobs = useOpenJobs();
  const [text, setText] = createSignal('');
  let wasRunning = false;
  createEffect(() => {
    const job = jobs.data?.find(({ state }) => state === 'running');
    if (job) setText(words().stage.generating(spokenProgress(studio.progress[job.id], words())));
    else if (wasRunning) setText(words().stage.ended);
    wasRunning = job !== undefined;
  });
  return (
    <p class="sr-only" role="status">
      {text()}
    </p>
  );
}
