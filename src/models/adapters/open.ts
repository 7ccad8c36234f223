/**
 * Opens a file as an adapter of a given model: which kind changes which module and how. Everything is checked against
 * the model here, so that a file for another family is one sentence and never half applied.
 */

import { sizeOf } from '#core/tensor';
import { ModelFileError } from '../model-error.ts';
import type { ModelFiles, TensorFile } from '../tensor-file.ts';
import { type AdapterKind, adapterKinds, biasDelta, decomposed, type LowRank, trainedLengths } from './kinds.ts';
import type { Matrix } from './matrix.ts';
import { type AdaptedModule, findModule, type ModuleNames } from './modules.ts';
import { type PeftSettings, peftSettings } from './peft-config.ts';
import { readWeight } from './read-weight.ts';
import { groupByModule, type ModuleTensors, type PeftRotation, type Slot } from './slots.ts';

/** What an adapter does to one module at strength 1. */
export interface ModuleChange {
  readonly module: AdaptedModule;
  /** Set where a side branch can do all of it. */
  readonly lowRank: LowRank | undefined;
  /** Of the weight as it is then; undefined where only the bias changes. */
  readonly weight: ((current: Matrix) => Matrix) | undefined;
  readonly bias: Matrix | undefined;
}

export interface ModelAdapter {
  /** Identifies the file's state: equal ids change a model equally. */
  readonly id: string;
  readonly changes: readonly ModuleChange[];
  /** What is odd and yet does not stop it, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * `id`: see `ModelAdapter`; `title`: the family, for sentences.
 * @throws ModelFileError for a file that is no adapter, not one of this model, or damaged
 */
export async function openAdapter(
  files: ModelFiles,
  file: TensorFile,
  names: ModuleNames,
  { id, title }: { id: string; title: string },
): Promise<ModelAdapter> {
  const { modules, others } = groupByModule(file.tensors);
  const settingsOf = await peftSettings(files, file);
  const changes: ModuleChange[] = [];
  const unknown: string[] = [];
  for (const [stored, slots] of modules) {
    const module = findModule(names, stored);
    if (!module && !isOfLayerNotRun(names, stored)) unknown.push(stored);
    if (!module) continue;
    const settings = settingsOf(stored);
    const own = withAlpha(await readAll(files, file, slots), settings);
    changes.push(changeOf(module, own, settings.rotation, { path: file.path, stored }));
  }
  if (changes.length === 0) throw noModule(file, unknown, others, title);
  const warnings = [
    ...leftOut(unknown, 'modules', 'this model has none of that name'),
    ...leftOut(
      others.filter((name) => !isOther(name)),
      'tensors',
      'no kind of adapter that Darkroom knows has such',
    ),
  ];
  return { id, changes, warnings };
}

/** Tensors in an adapter's file that others read, or that hold nothing. */
const isOther = (name: string): boolean => /^bundle_emb\.|(^|\.)position_ids$/.test(name);

function leftOut(names: readonly string[], noun: string, reason: string): string[] {
  if (names.length === 0) return [];
  const more = names.length > 1 ? ` and ${names.length - 1} more ${noun}` : '';
  return [`${names[0]}${more}: ${reason}; left out.`];
}

/** With the alpha of the file's configuration where the module has none of its own. */
function withAlpha(slots: ReadonlyMap<Slot, Matrix>, settings: PeftSettings): ReadonlyMap<Slot, Matrix> {
  const down = slots.get('down') ?? slots.get('hada_w1_b') ?? slots.get('lokr_w2_b') ?? slots.get('lokr_w1_b');
  const alpha = down && !slots.has('alpha') ? settings.alpha(down.shape[0]!) : undefined;
  return alpha === undefined ? slots : new Map([...slots, ['alpha', { shape: [], data: Float32Array.of(alpha) }]]);
}

/** A text encoder's last layers, which a family may not run, are in its adapters all the same. */
function isOfLayerNotRun(names: ModuleNames, stored: string): boolean {
  const first = stored.replace(/([._]layers[._])\d+/, (_, layers: string) => `${layers}0`);
  return first !== stored && findModule(names, first) !== undefined;
}

function noModule(
  { path }: TensorFile,
  unknown: readonly string[],
  others: readonly string[],
  title: string,
): ModelFileError {
  if (unknown.length === 0) {
    const such = others.length > 0 ? `, such as ${others[0]}` : '';
    return new ModelFileError('adapter', `no kind of adapter that Darkroom knows has its tensors${such}`, path);
  }
  const message = `it is not for this model (${title}), which has no module ${unknown[0]}; nor any other of its`;
  return new ModelFileError('adapter-family', `${message} ${unknown.length}. Take a LoRA made for ${title}.`, path);
}

async function readAll(
  files: ModelFiles,
  file: TensorFile,
  slots: ReadonlyMap<Slot, string>,
): Promise<ReadonlyMap<Slot, Matrix>> {
  const tensors = new Map<Slot, Matrix>();
  for (const [slot, name] of slots) {
    const { ref, dtype } = file.tensors.get(name)!;
    if (!ref)
      throw new ModelFileError('adapter-dtype', `${name} is ${dtype}, which cannot be computed with`, file.path);
    const matrix = await readWeight(files, ref);
    if (!matrix.data.every(Number.isFinite)) {
      throw new ModelFileError('adapter-damaged', `${name} holds NaN or infinity; get the file again`, file.path);
    }
    tensors.set(slot, matrix);
  }
  return tensors;
}

function changeOf(
  module: AdaptedModule,
  slots: ReadonlyMap<Slot, Matrix>,
  rotation: PeftRotation | undefined,
  { path, stored }: { readonly path: string; readonly stored: string },
): ModuleChange {
  const tensors: ModuleTensors = {
    has: (slot) => slots.has(slot),
    find: (slot) => slots.get(slot),
    need: (slot) => slots.get(slot)!,
    rotation,
  };
  const kind = adapterKinds.find(({ needs }) => needs.some((list) => list.every((slot) => slots.has(slot))));
  const bias = biasDelta(tensors);
  if (!kind && !bias) {
    const message = `${stored} has ${[...slots.keys()].join(', ')}, of which no kind of adapter is made`;
    throw new ModelFileError('adapter-kind', message, path);
  }
  const misfit = (got: readonly number[], expected: readonly number[]): ModelFileError => {
    const message = `${stored} changes a weight of shape [${got.join(', ')}]; this model's is [${expected.join(', ')}]`;
    return new ModelFileError('adapter-shape', `${message}. It is for another model.`, path);
  };
  if (bias && !module.bias) {
    const message = `${stored} changes a bias of ${bias.data.length} values; this model's layer has none`;
    throw new ModelFileError('adapter-shape', `${message}. It is for another model.`, path);
  }
  if (bias && module.bias && bias.data.length !== sizeOf(module.bias.shape)) {
    throw misfit(bias.shape, module.bias.shape);
  }
  const { shape } = module.weight;
  const lowRank = kind?.lowRank && pairOf(kind, tensors, module, misfit);
  const lengths = trainedLengths(tensors, shape[0]!);
  if (lengths && lengths.values.data.length !== (shape[lengths.of === 'rows' ? 0 : 1] ?? 1)) {
    throw misfit(lengths.values.shape, shape);
  }
  const weight =
    kind &&
    ((current: Matrix): Matrix => {
      const whole = { shape, data: current.data };
      const delta = widenedTo(shape, kind.delta(tensors, whole));
      if (delta.data.length !== current.data.length) throw misfit(delta.shape, shape);
      return lengths ? decomposed(delta, lengths, whole) : delta;
    });
  // A pair was checked by its sizes; what other kinds make is only seen when it is made: too few numbers make NaN.
  if (weight && !lowRank) {
    const tried = weight({ shape, data: new Float32Array(sizeOf(shape)) });
    if (!tried.data.every(Number.isFinite)) {
      const [largest] = [...slots.values()].sort((a, b) => b.data.length - a.data.length);
      throw misfit(largest!.shape, shape);
    }
  }
  return { module, lowRank: lengths || bias ? undefined : lowRank, weight, bias };
}

/** The pair, checked against the weight that it is for. */
function pairOf(
  kind: AdapterKind,
  tensors: ModuleTensors,
  { weight }: AdaptedModule,
  misfit: (got: readonly number[], expected: readonly number[]) => Error,
): LowRank {
  const pair = kind.lowRank!(tensors);
  const [out, ...rest] = weight.shape as [number, ...number[]];
  const rank = pair.down.shape[0]!;
  const [down, up] = [widenedTo([rank, ...rest], pair.down), pair.up];
  const fits = up.data.length === out * rank && down.data.length === rank * sizeOf(rest);
  if (!fits) throw misfit([up.shape[0]!, ...down.shape.slice(1)], weight.shape);
  return { down: { shape: [rank, ...rest], data: down.data }, up: { shape: [out, rank], data: up.data } };
}

/**
 * A change of a convolution that reads fewer channels than the weight's [out, in, ...kernel] is one of the first of
 * them: models that read a mask or a picture beside the latents have those last, and take adapters of plain models.
 */
function widenedTo([out = 1, inputs = 1, ...kernel]: readonly number[], change: Matrix): Matrix {
  const own = change.data.length / out / sizeOf(kernel);
  if (kernel.length !== 2 || change.shape[0] !== out || !Number.isInteger(own) || own >= inputs) return change;
  const [row, wide] = [own * sizeOf(kernel), inputs * sizeOf(kernel)];
  const data = new Float32Array(out * wide);
  for (let o = 0; o < out; o++) data.set(change.data.subarray(o * row, (o + 1) * row), o * wide);
  return { shape: [out, inputs, ...kernel], data };
}
