/**
 * A U-Net by itself (`diffusion_models/`, `unet/`, most GGUF files) with the parts that it lacks: text encoders from
 * `text_encoders/` or `clip/`, a VAE from `vae/`. An encoder fits by its width; where several fit, the first by its name
 * is taken, unless it names another family, and it is said which.
 */

import path from 'node:path';
import { families } from '#models/families';
import { type LoadedCheckpoint, type LoadOptions, loadCheckpoint } from '#models/load';
import { ModelFileError } from '#models/model-error';
import { openTensorFile } from '#models/tensor-file';
import { nodeModelFiles } from '../files/model-files.ts';
import { type FoundModel, scanModels } from './scan.ts';

export interface Paired {
  readonly options: Pick<LoadOptions, 'vae' | 'textEncoders'>;
  /** Which files were taken, and that there are others. */
  readonly warnings: readonly string[];
}

/** The parts that `file` lacks, beside those that were chosen. @throws ModelFileError naming what is to be found where */
export async function pairParts(file: string, chosen: Paired['options'], roots: readonly string[]): Promise<Paired> {
  const alone = await loadCheckpoint(nodeModelFiles, file, { ...chosen, partial: true });
  const found = await scanModels(roots);
  const missing = alone.family.components.filter(({ component }) => !alone.components.includes(component));
  const lacks = (component: string): boolean => missing.some((each) => each.component === component);
  const { textEncoders, autoencoder } = alone.parts;
  const wanted = textEncoders.filter(({ component }) => lacks(component));
  // One encoder fills the whole context; of several each has its own width.
  const widths =
    textEncoders.length === 1 ? wanted.map(() => alone.parts.denoiser.contextWidth) : wanted.map((part) => part.width);
  const warnings: string[] = [];
  const encoders: string[] = [];
  const byWidth = await encoderWidths(found);
  for (const width of widths) {
    const fitting = byWidth.filter((each) => each.width === width && !encoders.includes(each.path));
    encoders.push(choose(fitting, `a text encoder of width ${width}`, 'text_encoders/ or clip/', alone, warnings));
  }
  const vaes = found.filter(({ kind }) => kind === 'vae');
  const vae = lacks(autoencoder.component) ? choose(vaes, 'a VAE', 'vae/', alone, warnings) : chosen.vae;
  return { options: { vae, textEncoders: [...(chosen.textEncoders ?? []), ...encoders] }, warnings };
}

/** Widths of the text encoders that there are; files that cannot be read are none. */
async function encoderWidths(found: readonly FoundModel[]): Promise<{ path: string; width: number }[]> {
  const widths: { path: string; width: number }[] = [];
  for (const { path: file, kind } of found) {
    if (kind !== 'text-encoder') continue;
    const tensors = await openTensorFile(nodeModelFiles, file).then(
      (opened) => opened.tensors,
      () => undefined,
    );
    const table = [...(tensors ?? [])].find(([name]) => name.endsWith('token_embedding.weight'));
    if (table) widths.push({ path: file, width: table[1].shape[1] ?? 0 });
  }
  return widths;
}

function choose(
  fitting: readonly { readonly path: string }[],
  what: string,
  where: string,
  { path: file, family }: LoadedCheckpoint,
  warnings: string[],
): string {
  const names = (id: string) => (each: { readonly path: string }) =>
    path.basename(each.path).toLowerCase().includes(id);
  const others = families.filter(({ id }) => id !== family.id);
  const own = fitting.filter(names(family.id));
  const neutral = fitting.filter((each) => !others.some(({ id }) => names(id)(each)));
  const [taken, ...rest] = [own, neutral, fitting].find((list) => list.length > 0) ?? [];
  if (!taken) {
    const message = `this is a ${family.title} U-Net by itself; it needs ${what}, and there is none in ${where} of the model folders`;
    throw new ModelFileError('no-partner', message, file);
  }
  const choice = rest.length > 0 ? `; ${rest.length} more would fit, choose one by its name` : '';
  warnings.push(
    `${path.basename(file)} is a U-Net by itself: ${path.basename(taken.path)} is taken as ${what}${choice}.`,
  );
  return taken.path;
}
