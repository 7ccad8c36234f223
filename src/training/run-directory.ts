/**
 * A run on disk: `config.json`, `metrics.jsonl`, `samples/`, `checkpoints/step-N/` with weights and state.
 *
 * Files come through an interface, so that training knows no platform. A checkpoint is written into a temporary folder
 * and renamed when complete: after a kill there is either the whole of it or none.
 */

import type { HostTensor } from '#core/tensor';

/** The file operations a run needs; paths are relative to the run's folder, with `/`. */
export interface RunFiles {
  readText(path: string): Promise<string | undefined>;
  /** Atomic: temporary name, sync, rename. */
  writeText(path: string, text: string): Promise<void>;
  appendText(path: string, text: string): Promise<void>;
  writeBytes(path: string, chunks: readonly Uint8Array[]): Promise<void>;
  readTensors(path: string): Promise<Map<string, HostTensor>>;
  /** Atomic safetensors file. */
  writeTensors(
    path: string,
    tensors: ReadonlyMap<string, HostTensor>,
    metadata?: Readonly<Record<string, string>>,
  ): Promise<void>;
  list(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** Everything beside the tensors that makes a resumed run continue bit for bit. */
export interface TrainingPosition {
  readonly step: number;
  /** Serialised generator of batches, noise and dropout: the place in the data follows from it. */
  readonly random: unknown;
}

export interface Checkpoint {
  readonly position: TrainingPosition;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

const folderOf = (step: number): string => `checkpoints/step-${String(step).padStart(8, '0')}`;

export async function writeCheckpoint(files: RunFiles, checkpoint: Checkpoint, keep: number): Promise<void> {
  const folder = folderOf(checkpoint.position.step);
  const temporary = `${folder}.partial`;
  await files.remove(temporary);
  await files.writeTensors(`${temporary}/state.safetensors`, checkpoint.tensors);
  await files.writeText(`${temporary}/position.json`, `${JSON.stringify(checkpoint.position)}\n`);
  await files.remove(folder);
  await files.rename(temporary, folder);
  const old = (await checkpointSteps(files)).slice(0, -keep);
  for (const step of old) await files.remove(folderOf(step));
}

export interface MetricsRow {
  /** The step that gave these values, from 1. */
  readonly step: number;
  readonly [metric: string]: number;
}

const metricsFile = 'metrics.jsonl';

export async function appendMetrics(files: RunFiles, row: MetricsRow): Promise<void> {
  await files.appendText(metricsFile, `${JSON.stringify(row)}\n`);
}

/** Drops rows after `step`, which a resumed run will write again, and a row that a kill cut short. */
export async function trimMetrics(files: RunFiles, step: number): Promise<void> {
  const text = await files.readText(metricsFile);
  if (text === undefined) return;
  const kept = text
    .split('\n')
    .filter((line) => (stepOf(line) ?? Number.POSITIVE_INFINITY) <= step)
    .map((line) => `${line}\n`)
    .join('');
  if (kept !== text) await files.writeText(metricsFile, kept);
}

function stepOf(line: string): number | undefined {
  try {
    return (JSON.parse(line) as MetricsRow).step;
  } catch {
    return undefined;
  }
}

/** Steps of the complete checkpoints, ascending. */
export async function checkpointSteps(files: RunFiles): Promise<number[]> {
  const names = await files.list('checkpoints');
  return names
    .map((n) => /^step-(\d{8})$/.exec(n)?.[1])
    .filter((n): n is string => n !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** The newest complete checkpoint, or undefined for a new run. */
export async function readLatestCheckpoint(files: RunFiles): Promise<Checkpoint | undefined> {
  const step = (await checkpointSteps(files)).at(-1);
  if (step === undefined) return undefined;
  const text = await files.readText(`${folderOf(step)}/position.json`);
  if (text === undefined) return undefined;
  const tensors = await files.readTensors(`${folderOf(step)}/state.safetensors`);
  return { position: JSON.parse(text) as TrainingPosition, tensors };
}
