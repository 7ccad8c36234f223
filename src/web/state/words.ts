/** Figures and states as people read them. */

import type { WireJob, WireModel, WireProgress } from '#server/native/wire';

export function seconds(value: number): string {
  const whole = Math.max(0, Math.ceil(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function megabytes(bytes: number): string {
  const mega = bytes / 1e6;
  return mega < 1000 ? `${mega < 10 ? mega.toFixed(1) : Math.round(mega)} MB` : `${(mega / 1000).toFixed(1)} GB`;
}

/** What a running job is at, in one line. */
export function stage(job: WireJob, progress: WireProgress | undefined): string {
  if (job.cancelRequested) return 'Stopping after this step…';
  if (!progress || progress.phase === 'starting') return 'Warming up the engine…';
  const step = `Step ${progress.step} of ${progress.steps}`;
  const picture = progress.batches > 1 ? `Picture ${progress.batch + 1} of ${progress.batches} · ` : '';
  if (progress.phase === 'sampling') return picture + step;
  const part = (progress.loading?.part ?? 'model').replaceAll(/[_.]/g, ' ');
  const loading = `Loading the ${part}…`;
  return progress.step > 0 ? `${picture}${step}` : loading;
}

export function remaining(progress: WireProgress | undefined): string {
  return progress?.eta === undefined ? '' : `about ${seconds(progress.eta)} left`;
}

/** For screen readers: tenths only, so that they are not talked over. */
export function spokenProgress(progress: WireProgress | undefined): string {
  if (!progress || progress.phase === 'starting') return 'Starting';
  return `${Math.floor(progress.fraction * 10) * 10} percent`;
}

export function modelFacts(model: WireModel): string {
  const count =
    model.parameters >= 1e9 ? `${(model.parameters / 1e9).toFixed(1)} B` : `${Math.round(model.parameters / 1e6)} M`;
  const facts = [model.embedded ? 'Comes with Darkroom' : undefined, `${count} parameters`, megabytes(model.bytes)];
  return facts.filter((fact) => fact !== undefined).join(' · ');
}

/** What to do about an error whose sentence from the server does not say so itself. */
const remedies: Readonly<Record<string, string>> = {
  'engine.crashed': 'Press Retry. If it happens again, try a smaller picture or another model.',
  'engine.start-failed': 'The terminal in which Darkroom runs shows the cause.',
  'engine.non-finite': 'Try another sampler, fewer steps or a lower guidance; the model file may also be damaged.',
  'auth.forbidden': 'An administrator of this server can give you the right.',
  'model.unknown': 'Choose another model in the list.',
};

export function remedyFor(code: string): string {
  return remedies[code] ?? '';
}
