/**
 * Proof of effect: the same prompts and seeds without the result and with it at several strengths, how far weights have
 * gone from where they started, the held-out loss before and after, how much a prompt changes that does not ask for it.
 * A result that changes nothing ends the training as failed, with the reason.
 */

import sharp from 'sharp';
import { UserError } from '#core/errors';
import { f16ToF32Array, f32ToF16Array } from '#core/half';
import type { PixelImage } from '#core/image';
import { toF32 } from '#core/tensor';
import type { SamplePrompt } from '#training/captions';
import type { Weights } from '#training/loop';
import type { MethodNetworks } from '#training/networks/of-method';
import type { RunFiles } from '#training/run-directory';
import type { MethodSettings } from '#training/settings/methods';
import { escaped, reportPage } from '../report-page.ts';
import { type DrawingOptions, draw, sheet } from './drawing.ts';
import { nearnessTo } from './nearness.ts';
import { askingFor, withResult } from './result-prompt.ts';

export interface EffectOptions {
  readonly settings: MethodSettings;
  readonly files: RunFiles;
  readonly weights: Weights;
  readonly networks: MethodNetworks;
  readonly drawing: DrawingOptions;
  readonly prompts: readonly SamplePrompt[];
  /** Model without the result. */
  readonly basePath: string;
  /** Files that were learnt from. */
  readonly pictures: readonly string[];
  readonly step: number;
  readonly blocks: EffectReport['blocks'];
}

/** What is needed to see whether weights have changed. */
type Changed = Pick<EffectOptions, 'settings' | 'files' | 'weights' | 'networks'>;

export interface EffectReport {
  readonly name: string;
  readonly method: MethodSettings['task'];
  readonly steps: number;
  readonly strengths: readonly number[];
  readonly prompts: readonly string[];
  /** Mean difference of a colour value (0 to 255) from the picture without the result, by prompt and strength. */
  readonly differences: readonly (readonly number[])[];
  /** Mean distance of the drawn pictures to the nearest one that was learnt from, by strength (`nearnessTo`). */
  readonly nearness: readonly number[];
  /** The same for a prompt that does not ask for it. */
  readonly drift: { readonly prompt: string; readonly difference: number };
  /** How far weights have gone, by block: length of the change and of what there was at the start. */
  readonly blocks: Readonly<Record<string, { readonly change: number; readonly start: number }>>;
  readonly heldOut: { readonly before: number; readonly after: number } | undefined;
}

/** Below this no eye and no judge sees a difference: rounding alone makes as much. */
const visible = 0.25;
const neutral = 'a picture';

/** @throws UserError `training.no-effect` */
export async function reportEffect(options: EffectOptions): Promise<EffectReport> {
  const { settings, files, step, blocks } = options;
  const prompts = askingFor(settings, options.prompts);
  const isWhole = settings.task === 'dreambooth' || settings.task === 'finetune';
  const strengths = isWhole ? [0, 1] : [0, 0.5, 1];
  const classPrompt = 'class_prompt' in settings ? settings.class_prompt : undefined;
  const other = { ...prompts[0], prompt: classPrompt ?? neutral };
  const all = await atStrengths(options, [...prompts, other], strengths);
  const drawn = all.map((images) => images.slice(0, -1));
  const others = all.map((images) => images.at(-1)!);
  const report: EffectReport = {
    name: settings.output_name,
    method: settings.task,
    steps: step,
    strengths,
    prompts: prompts.map(({ prompt }) => prompt),
    differences: prompts.map((_, i) => drawn.map((images) => difference(drawn[0]![i]!, images[i]!))),
    nearness: await nearnessTo(options.pictures, drawn),
    drift: { prompt: other.prompt, difference: difference(others[0]!, others.at(-1)!) },
    blocks,
    heldOut: await heldOut(files),
  };
  await files.writeText('report/report.json', `${JSON.stringify(report, null, 2)}\n`);
  await files.writeBytes('report/pictures.png', [
    await png(
      sheet(
        prompts.flatMap((_, i) => drawn.map((row) => row[i]!)),
        strengths.length,
      ),
    ),
  ]);
  await files.writeText('report/index.html', page(report));
  const effect = Math.max(...report.differences.flat());
  if (effect < visible) {
    throw noEffect(settings.task, `pictures with and without it differ by ${effect.toFixed(3)} of 255 at most`);
  }
  return report;
}

/** What makes a result of a method larger. */
const larger: Readonly<Record<MethodSettings['task'], string>> = {
  lora: ' or a larger network_dim',
  ti: ' or more vectors (num_vectors_per_token)',
  hypernet: ' or a wider layer_structure',
  dreambooth: '',
  finetune: '',
};

function noEffect(task: MethodSettings['task'], reason: string): UserError {
  const advice = `Try a higher learning_rate (ten times) or more steps${larger[task]}; the report shows what was drawn.`;
  return new UserError('training.no-effect', `failed: no effect: ${reason}. ${advice}`);
}

/** Pictures of the prompts at each strength, by one engine where the model is one; a whole model is there or not. */
async function atStrengths(
  { drawing, basePath, settings }: EffectOptions,
  prompts: readonly SamplePrompt[],
  strengths: readonly number[],
): Promise<PixelImage[][]> {
  const asked = strengths.map((strength) => prompts.map((prompt) => withResult(settings, prompt, strength)));
  if (drawing.model !== basePath) {
    const [without, withIt] = asked as [SamplePrompt[], SamplePrompt[]];
    return [await draw({ ...drawing, model: basePath }, without), await draw(drawing, withIt)];
  }
  const images = await draw(drawing, asked.flat());
  return strengths.map((_, i) => images.slice(i * prompts.length, (i + 1) * prompts.length));
}

function difference(a: PixelImage, b: PixelImage): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length;
}

/**
 * How far weights have gone, as they are written: in halves, small changes vanish.
 * @throws UserError `training.no-effect` where none has, or where all that the result adds is still zero
 */
export async function changesByBlock({ settings, files, weights, networks }: Changed): Promise<EffectReport['blocks']> {
  const starts = await startsOf(files);
  const isHalf = settings.save_precision === 'fp16' && resultIsHalf.has(settings.task);
  const written = (values: Float32Array): Float32Array => (isHalf ? f16ToF32Array(f32ToF16Array(values)) : values);
  const squares = new Map<string, { change: number; start: number }>();
  const begunAsZeros: Float32Array[] = [];
  for (const [name, tensor] of weights) {
    const initial = networks.trained.find((each) => each.name === name)?.initial;
    const start = starts.get(name) ?? (initial?.kind === 'values' ? initial.values : undefined);
    const from = start && written(start);
    const values = written(toF32(tensor));
    if (from?.every((value) => value === 0)) begunAsZeros.push(values);
    const block = blockOf(name);
    const sums = squares.get(block) ?? { change: 0, start: 0 };
    for (let i = 0; i < values.length; i++) {
      sums.change += (values[i]! - (from?.[i] ?? 0)) ** 2;
      sums.start += (from?.[i] ?? 0) ** 2;
    }
    squares.set(block, sums);
  }
  if (begunAsZeros.length > 0 && begunAsZeros.every((values) => values.every((value) => value === 0))) {
    throw noEffect(settings.task, 'what it adds is still zero in every layer');
  }
  const blocks = Array.from(
    squares,
    ([block, { change, start }]) => [block, { change: Math.sqrt(change), start: Math.sqrt(start) }] as const,
  );
  if (blocks.every(([, { change }]) => change === 0)) throw noEffect(settings.task, 'no weight has changed');
  return Object.fromEntries(blocks);
}

/** Results whose values are written in halves where the settings say so. */
const resultIsHalf: ReadonlySet<MethodSettings['task']> = new Set(['lora']);

async function startsOf(files: RunFiles): Promise<Map<string, Float32Array>> {
  const tensors = await files.readTensors('start.safetensors').catch(() => new Map());
  return new Map([...tensors].map(([name, tensor]) => [name, toF32(tensor)]));
}

/** `down_blocks.0`, `text_model.encoder.layers.3` and so on; names may have underscores for dots. */
function blockOf(name: string): string {
  const found = /((?:down|up|input|output)_blocks?[._]\d+|mid_block|middle_block|layers[._]\d+)/.exec(name)?.[1];
  const part = /^(lora_te\d?|text_encoder(?:_\d)?)/.exec(name)?.[1];
  const block = found?.replaceAll('_', '.').replace(/^(down|up|input|output)\.blocks?/, '$1');
  return [part, block ?? name.split('.')[0]].filter((each) => each !== undefined).join(' ');
}

async function heldOut(files: RunFiles): Promise<EffectReport['heldOut']> {
  const text = (await files.readText('metrics.jsonl')) ?? '';
  const rows = text
    .split('\n')
    .filter((line) => line.includes('"heldOut"'))
    .map((line) => JSON.parse(line) as { heldOut: number });
  if (rows.length < 2) return undefined;
  return { before: rows[0]!.heldOut, after: rows.at(-1)!.heldOut };
}

async function png({ data, width, height, channels }: PixelImage): Promise<Uint8Array> {
  return await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}

function page(report: EffectReport): string {
  const rows = report.prompts.map(
    (prompt, i) =>
      `<tr><td>${escaped(prompt)}</td>${report.differences[i]!.map((d) => `<td>${d.toFixed(2)}</td>`).join('')}</tr>`,
  );
  const blocks = Object.entries(report.blocks).map(
    ([block, { change, start }]) =>
      `<tr><td>${escaped(block)}</td><td>${change.toPrecision(4)}</td><td>${start.toPrecision(4)}</td></tr>`,
  );
  const { heldOut: held, drift } = report;
  const body = `<p>A row a prompt, the same seed; strengths ${report.strengths.join(', ')} from left to right.</p>
<p><img src="pictures.png" alt="Pictures without the result and with it"></p>
<h2>Difference from the picture without it (0 to 255)</h2>
<table><tr><th>prompt</th>${report.strengths.map((s) => `<th>${s}</th>`).join('')}</tr>${rows.join('')}</table>
<p>Distance to the nearest of the pictures learnt from, as thumbnails: ${report.nearness.map((d) => d.toFixed(1)).join(', ')}.</p>
<p>A prompt that does not ask for it (${escaped(drift.prompt)}) differs by ${drift.difference.toFixed(2)}.</p>
${held ? `<h2>Loss of what was held out</h2><p>${held.before.toPrecision(5)} before, ${held.after.toPrecision(5)} after.</p>` : ''}
<h2>What to try</h2>
<p>Too little of it: a learning_rate ten times as high or more steps${larger[report.method]}. Too much, or where nobody asked for it: half the strength, fewer steps, captions that name what is not to be learnt, pictures of the class (class_prompt, num_class_images).</p>
<h2>How far weights have gone</h2>
<table><tr><th>block</th><th>change</th><th>start</th></tr>${blocks.join('')}</table>
`;
  return reportPage(`${report.name}: ${report.method}, ${report.steps} steps`, body);
}
