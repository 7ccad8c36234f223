/** What is at work: the running job with its preview, else the latest picture, else how to begin; and the queue. */

import { createMemo, For, Match, Show, Switch } from 'solid-js';
import type { WireImage, WireJob } from '#server/native/wire';
import { failedJobs, openJobs } from '../state/lists.ts';
import { remaining, remedyFor, stage } from '../state/words.ts';
import type { Studio } from '../studio.ts';
import { Empty } from './empty.tsx';
import { Facts } from './fields.tsx';
import { Icon } from './icons.tsx';

interface StageProps {
  readonly studio: Studio;
  readonly ref: (element: HTMLElement) => void;
  readonly onShow: (id: string) => void;
}

export function Stage(props: StageProps) {
  const { studio } = props;
  const open = createMemo(() => openJobs(studio.state.jobs));
  const running = () => open().find(({ state }) => state === 'running');
  const latest = () => studio.pictures().images[0];
  return (
    <section class="stage" ref={props.ref} aria-label="At work">
      <Switch fallback={<Empty studio={studio} />}>
        <Match when={running()}>{(job) => <Developing studio={studio} job={job()} />}</Match>
        <Match when={open()[0]}>{(job) => <Waiting studio={studio} job={job()} />}</Match>
        <Match when={latest()}>
          {(image) => <Latest studio={studio} image={image()} onShow={() => props.onShow(image().id)} />}
        </Match>
      </Switch>
      <Queue studio={studio} jobs={open().filter((job) => job.id !== (running() ?? open()[0])?.id)} />
      <Failed studio={studio} />
    </section>
  );
}

function Developing(props: { readonly studio: Studio; readonly job: WireJob }) {
  const progress = () => props.studio.state.progress[props.job.id];
  const size = () => props.job.request;
  const ratio = () => {
    const { width, height } = size();
    return width && height ? `${width} / ${height}` : '1';
  };
  return (
    <div class="easel">
      <div class="paper developing" style={{ 'aspect-ratio': ratio() }}>
        <Show when={(progress()?.preview ?? 0) > 0} fallback={<div class="safelight" />}>
          <img src={props.studio.previewUrl(props.job.id, progress()!.preview)} alt="Preview" />
        </Show>
      </div>
      <div class="caption">
        <h2>Developing</h2>
        <p class="prompt-text">{props.job.request.prompt || 'Without a prompt'}</p>
        <div class="progress-line">
          <progress max="1" value={progress()?.fraction ?? 0} aria-label="Progress" />
          <p>
            <span data-testid="step">{stage(props.job, progress())}</span>
            <span class="eta">{remaining(progress())}</span>
          </p>
        </div>
        <div class="actions">
          <button
            type="button"
            disabled={props.job.cancelRequested}
            onClick={() => void props.studio.cancel(props.job.id)}
          >
            <Icon name="stop" /> Cancel
          </button>
        </div>
      </div>
    </div>
  );
}

function Waiting(props: { readonly studio: Studio; readonly job: WireJob }) {
  const paused = () => props.studio.state.queue?.paused;
  return (
    <div class="easel">
      <div class="paper developing">
        <div class="safelight" />
      </div>
      <div class="caption">
        <h2>{paused() || props.job.state === 'paused' ? 'Paused' : 'Next'}</h2>
        <p class="prompt-text">{props.job.request.prompt || 'Without a prompt'}</p>
        <Show when={paused()} fallback={<p class="hint">Starts as soon as the engine is free.</p>}>
          <p class="hint">{props.studio.state.queue?.reason ?? 'The queue is paused.'}</p>
          <div class="actions">
            <button type="button" onClick={() => void props.studio.resumeQueue()}>
              Resume the queue
            </button>
          </div>
        </Show>
      </div>
    </div>
  );
}

function Latest(props: { readonly studio: Studio; readonly image: WireImage; readonly onShow: () => void }) {
  return (
    <div class="easel">
      <button
        type="button"
        class="paper"
        aria-label="Open the latest picture"
        style={{ 'aspect-ratio': `${props.image.width} / ${props.image.height}` }}
        onClick={() => props.onShow()}
      >
        <img src={props.image.url} alt={props.image.prompt} width={props.image.width} height={props.image.height} />
      </button>
      <div class="caption">
        <h2>Latest</h2>
        <p class="prompt-text">{props.image.prompt || 'Without a prompt'}</p>
        <Facts
          rows={[
            ['Size', `${props.image.width} × ${props.image.height}`],
            ['Steps', props.image.steps],
            ['Seed', props.image.seed],
          ]}
        />
        <div class="actions">
          <button type="button" onClick={() => void props.studio.applySettings(props.image)}>
            <Icon name="reuse" /> Use these settings
          </button>
          <a class="button" href={`${props.image.url}?download=true`} download="">
            <Icon name="download" /> Download
          </a>
        </div>
      </div>
    </div>
  );
}

function Queue(props: { readonly studio: Studio; readonly jobs: readonly WireJob[] }) {
  return (
    <Show when={props.jobs.length > 0}>
      <section class="queue" aria-label="Queue">
        <h2>
          Queue <span class="number-of">{props.jobs.length}</span>
        </h2>
        <ol>
          <For each={props.jobs}>
            {(job) => (
              <li>
                <span class="prompt-text">{job.request.prompt || 'Without a prompt'}</span>
                <small>
                  {job.state === 'paused' ? 'paused · ' : ''}
                  {job.total === 1 ? '1 picture' : `${job.total} pictures`}
                </small>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Cancel: ${job.request.prompt}`}
                  title="Cancel"
                  onClick={() => void props.studio.cancel(job.id)}
                >
                  <Icon name="close" />
                </button>
              </li>
            )}
          </For>
        </ol>
      </section>
    </Show>
  );
}

function Failed(props: { readonly studio: Studio }) {
  const jobs = createMemo(() => failedJobs(props.studio.state.jobs));
  return (
    <Show when={jobs().length > 0}>
      <section class="queue failed" aria-label="Failed jobs">
        <h2>
          Failed <span class="number-of">{jobs().length}</span>
          <button type="button" class="link" onClick={() => void props.studio.clearFailed()}>
            Clear
          </button>
        </h2>
        <ol>
          <For each={jobs().slice(0, 5)}>
            {(job) => (
              <li>
                <span class="prompt-text">{job.request.prompt || 'Without a prompt'}</span>
                <small class="problem">
                  {job.error?.message} {remedyFor(job.error?.code ?? '')}
                </small>
                <button type="button" onClick={() => void props.studio.retry(job.id)}>
                  Retry
                </button>
              </li>
            )}
          </For>
        </ol>
      </section>
    </Show>
  );
}
