/** On every view: which model draws, and what the queue is at. */

import { A } from '@solidjs/router';
import { createEffect, Show } from 'solid-js';
import { forgetToken } from '../session.ts';
import { useChosenModel, useModels, useOpenJobs, useStatus } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { Select } from '../ui/select.tsx';
import { modelFacts, remaining, stageLine } from '../words/figures.ts';
import { words } from '../words/index.ts';

export function Header() {
  return (
    // As high before the models are known: what lies below does not move.
    <header class="sticky top-0 z-20 bg-ground border-b border-line px-3 md:px-4 py-2 min-h-14.25 flex items-center gap-2 md:gap-4">
      <ModelChoice />
      <QueuePill />
      <SignOut />
    </header>
  );
}

function ModelChoice() {
  const { draft } = useStudio();
  const models = useModels();
  const chosen = useChosenModel();
  createEffect(() => draft.setPreferred(chosen()?.card.preferred ?? {}));
  const choices = () =>
    (models.data ?? [])
      .filter(({ kind }) => kind === 'checkpoint')
      .map(({ name, problem }) => ({
        value: name,
        label: problem === undefined ? name : `${name} (${words().create.unusable})`,
        disabled: problem !== undefined,
        title: problem,
      }));
  const choose = (name: string) => {
    // Sizes are the model's business: another model starts at its own.
    const { width: _width, height: _height, ...rest } = draft.values();
    draft.replace({ ...rest, model: name });
  };
  return (
    <div class="row min-w-0 max-w-100 flex-1 md:flex-none" title={chosen() && modelFacts(chosen()!, words())}>
      <Icon name="models" class="size-5 text-dim hidden sm:inline-block" />
      <Show when={models.data && choices().length === 0}>
        <span class="problem-text">{words().create.noModel}</span>
      </Show>
      <Show when={choices().length > 0}>
        <Select
          class="font-medium"
          label={words().create.model}
          choices={choices()}
          value={chosen()?.name ?? ''}
          onChange={choose}
        />
      </Show>
    </div>
  );
}

/** Progress of the running job here and in the tab's title. */
function QueuePill() {
  const studio = useStudio();
  const jobs = useOpenJobs();
  const running = () => jobs.data?.find(({ state }) => state === 'running');
  const progress = () => (running() ? studio.progress[running()!.id] : undefined);
  createEffect(() => {
    const percent = Math.round((progress()?.fraction ?? 0) * 100);
    const parts = running() ? [`${percent}%`, remaining(progress(), words())] : [];
    document.title = [...parts, 'Darkroom'].filter(Boolean).join(' · ');
  });
  return (
    <Show when={running()}>
      {(job) => (
        <div class="ml-auto row min-w-0">
          <A
            href="/queue"
            class="chip gap-2 no-underline text-ink tabular-nums sm:hidden"
            aria-label={words().nav.queue}
          >
            <span class="size-2 rounded-full bg-accent shrink-0" />
            {`${Math.round((progress()?.fraction ?? 0) * 100)}%`}
          </A>
          {/* As wide whatever it says: nothing in it moves. */}
          <A href="/queue" class="chip gap-2 no-underline text-ink w-72 lg:w-108 hidden sm:inline-flex">
            <span class="size-2 rounded-full bg-accent shrink-0" />
            <span class="flex-1 truncate tabular-nums">{stageLine(job(), progress(), words())}</span>
            <span class="text-dim tabular-nums hidden lg:inline w-38 shrink-0">{remaining(progress(), words())}</span>
          </A>
        </div>
      )}
    </Show>
  );
}

function SignOut() {
  const studio = useStudio();
  const status = useStatus();
  const signOut = async () => {
    forgetToken();
    await studio.attempt(() => studio.api.signOut());
    studio.leave();
  };
  return (
    <Show when={status.data && status.data.user.name !== 'local'}>
      <button
        type="button"
        class="btn-quiet ml-auto"
        title={`${words().nav.signOut} (${status.data!.user.name})`}
        aria-label={words().nav.signOut}
        onClick={() => void signOut()}
      >
        <Icon name="signOut" />
      </button>
    </Show>
  );
}
