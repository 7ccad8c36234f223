/** Figures and states as people read them. */

import type { WireJob, WireModel, WireProgress } from '#server/native/wire';
import type { Words } from './en.ts';

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function fileSize(bytes: number): string {
  const mega = bytes / 1e6;
  if (mega < 0.1) return `${Math.ceil(bytes / 1000)} kB`;
  return mega < 1000 ? `${mega < 10 ? mega.toFixed(1) : Math.round(mega)} MB` : `${(mega / 1000).toFixed(1)} GB`;
}

/** What a running job is at, in one line. */
export function stageLine(job: WireJob, progress: WireProgress | undefined, words: Words): string {
  const { progress: say, create } = words;
  if (job.cancelRequested) return create.stopping;
  if (!progress || progress.phase === 'starting') return say.starting;
  // Their steps are bytes.
  if (progress.phase === 'fetching' || progress.phase === 'hashing') {
    const total = progress.steps > 0 ? ` / ${fileSize(progress.steps)}` : '';
    return `${say.phases[progress.phase]} ${fileSize(progress.step)}${total}`;
  }
  const of = progress.kind === 'picture' ? say.picture : say.part;
  const picture = progress.batches > 1 ? `${of(progress.batch + 1, progress.batches)} · ` : '';
  const step = say.step(progress.step, progress.steps);
  if (progress.phase === 'sampling') {
    return picture + (progress.step > 0 && progress.step === progress.steps ? say.decoding : step);
  }
  if (progress.step > 0) return picture + step;
  const { part = 'model', bytes, totalBytes } = progress.loading ?? {};
  const loading = say.loading(part.replaceAll(/[_.]/g, ' '));
  return totalBytes ? `${loading} ${fileSize(bytes ?? 0)} / ${fileSize(totalBytes)}` : loading;
}

export function remaining(progress: WireProgress | undefined, words: Words): string {
  return progress?.eta === undefined ? '' : words.progress.left(duration(progress.eta));
}

/** For screen readers: tenths only, so that they are not talked over. */
export function spokenProgress(progress: WireProgress | undefined, words: Words): string {
  if (!progress || progress.phase === 'starting') return words.progress.startingShort;
  return words.progress.percent(Math.floor(progress.fraction * 10) * 10);
}

export function parameterCount(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)} B`;
  if (parameters >= 1e5) return `${(parameters / 1e6).toFixed(parameters < 10e6 ? 1 : 0)} M`;
  return parameters.toLocaleString();
}

export function modelFacts(model: WireModel, words: Words): string {
  const { parameters } = model;
  const facts = [
    model.embedded ? words.models.comesWith : undefined,
    model.family,
    parameters > 0 ? words.models.parameters(parameterCount(parameters)) : undefined,
    fileSize(model.bytes),
  ];
  return facts.filter((fact) => fact !== undefined).join(' · ');
}
