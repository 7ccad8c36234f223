/** What every view shows of a job, whatever its kind: what it is about, how far it is, the ways to end it, why it failed. */

import { createSignal, For, Show } from 'solid-js';
import type { WireJob } from '#server/native/wire';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { Progress } from '../ui/progress.tsx';
import { remaining, stageLine } from '../words/figures.ts';
import { words } from '../words/index.ts';
import { told } from '../words/told.ts';

/** Of a running job. */
export function JobProgress(props: { readonly job: WireJob }) {
  const studio = useStudio();
  const progress = () => studio.progress[props.job.id];
  return (
    <Show when={props.job.state === 'running'}>
      <Progress label={words().stage.progress} value={progress()?.fraction ?? 0} />
      <p class="hint tabular-nums">
        {[stageLine(props.job, progress(), words()), remaining(progress(), words())].filter(Boolean).join(' · ')}
      </p>
    </Show>
  );
}

/** First after the step; a step may be long, so then at once. Of several batches one can be skipped. */
export function CancelButtons(props: { readonly job: WireJob }) {
  const studio = useStudio();
  const [busy, setBusy] = createSignal(false);
  const cancel = async (hard: boolean) => {
    setBusy(true);
    await studio.attempt(() => studio.api.cancelJob({ id: props.job.id, hard }));
    setBusy(false);
  };
  return (
    <Show
      when={!props.job.cancelRequested}
      fallback={
        <button type="button" class="btn-danger" disabled={busy()} onClick={() => void cancel(true)}>
          <Icon name="stop" /> {words().create.stopNow}
        </button>
      }
    >
      <button type="button" class="btn" disabled={busy()} onClick={() => void cancel(false)}>
        <Icon name="stop" /> {props.job.state === 'running' ? words().create.interrupt : words().common.cancel}
      </button>
      <SkipButton job={props.job} />
    </Show>
  );
}

/** Where more pictures come after those that are being drawn. */
function SkipButton(props: { readonly job: WireJob }) {
  const studio = useStudio();
  const goesOn = () => {
    const progress = studio.progress[props.job.id];
    return props.job.kind === 'picture' && progress !== undefined && progress.batch + 1 < progress.batches;
  };
  const skip = () => void studio.attempt(async () => await studio.api.skipBatch({ id: props.job.id }));
  return (
    <Show when={goesOn()}>
      <button type="button" class="btn" title={words().create.skipHint} onClick={skip}>
        <Icon name="skip" /> {words().create.skip}
      </button>
    </Show>
  );
}

/** Of work that takes long: hold it, go on, end it, try again. */
export function JobControls(props: { readonly job: WireJob }) {
  const studio = useStudio();
  const { api } = studio;
  const mayMake = useMayMake();
  const ended = () => props.job.finishedAt !== undefined;
  return (
    <Show when={mayMake()}>
      <Show when={!ended()}>
        <Show
          when={props.job.state === 'paused'}
          fallback={
            <button
              type="button"
              class="btn"
              onClick={() => void studio.attempt(async () => await api.pauseJob({ id: props.job.id }))}
            >
              <Icon name="pause" /> {words().models.pause}
            </button>
          }
        >
          <button
            type="button"
            class="btn-primary"
            onClick={() => void studio.attempt(async () => await api.resumeJob({ id: props.job.id }))}
          >
            <Icon name="play" /> {words().models.resume}
          </button>
        </Show>
        <CancelButtons job={props.job} />
      </Show>
      <Show when={props.job.state === 'failed' || props.job.state === 'cancelled'}>
        <button
          type="button"
          class="btn"
          onClick={() => void studio.attempt(async () => await api.retryJob({ id: props.job.id }))}
        >
          <Icon name="reuse" /> {words().train.goOn}
        </button>
      </Show>
    </Show>
  );
}

/** What a job is about, whatever its kind. */
export function jobTitle({ label, kind, request }: WireJob): string {
  const said = [
    label,
    request.prompt,
    request.source,
    request.name,
    request.output,
    request.output_name,
    request.experiment,
  ];
  const title = said.find((text) => typeof text === 'string' && text !== '');
  return String(title ?? (kind === 'picture' ? words().stage.withoutPrompt : words().queue.kinds[kind]));
}

/** Jobs that failed lately, with what to do. */
export function FailedJobs(props: { readonly jobs: readonly WireJob[] }) {
  const studio = useStudio();
  return (
    <ul class="stack">
      <For each={props.jobs}>
        {(job) => (
          <li class="card p-3 flex flex-wrap items-center gap-3">
            <Icon name="warning" class="size-5 text-problem" />
            <div class="flex-1 at-least-40">
              <p class="truncate-2">{jobTitle(job)}</p>
              <p class="problem-text">{job.error && told(job.error)}</p>
              <p class="hint">{words().errors[job.error?.code ?? '']}</p>
            </div>
            <button
              type="button"
              class="btn"
              onClick={() => void studio.attempt(() => studio.api.retryJob({ id: job.id }))}
            >
              <Icon name="reuse" /> {words().common.retry}
            </button>
          </li>
        )}
      </For>
    </ul>
  );
}
