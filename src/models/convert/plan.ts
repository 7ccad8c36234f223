/**
 * Converting a model: which files come out, and of each tensor in which form its values are written. Nothing is read
 * here; whoever writes the files asks for one tensor after the other (convert/write in the studio).
 *
 * From a single file to a single file every tensor keeps its name, also what Darkroom has no use for; a moving average
 * beside the weights is left out, or taken instead of them. Between layouts the names are those of the model's family.
 */

import { isFloat } from '#core/dtype';
import { UserError } from '#core/errors';
import { sizeOf } from '#core/tensor';
import type { WrittenForm } from '#formats/pack';
import type { LoadedCheckpoint } from '../load.ts';
import { ModelFileError } from '../model-error.ts';
import type { ModelSource } from '../model-source.ts';
import { folderTensors, type SourceTensor, singleFileTensors, storedTensors } from './tensors.ts';

const targetLayouts = ['safetensors', 'gguf', 'diffusers'] as const;
export type TargetLayout = (typeof targetLayouts)[number];

/** Layouts of models, and ONNX, which is planned apart. */
export const conversionLayouts = [...targetLayouts, 'onnx'] as const;
export type ConversionLayout = (typeof conversionLayouts)[number];

/** How weights are stored: all as one type, or what gains from fewer bits in those and the rest as halves. */
export const storageForms = ['f32', 'f16', 'bf16', 'fp8', 'q8_0'] as const;
export type StorageForm = (typeof storageForms)[number];

export interface ConversionTarget {
  readonly layout: TargetLayout;
  readonly form: StorageForm;
  /** Which of two sets of weights in one file is taken. Default `plain`. */
  readonly weights?: 'plain' | 'ema';
}

/** A tensor with what it is written as; `as-is`: bytes that are no weights (counters, positions) in their own type. */
export interface PlannedTensor extends SourceTensor {
  readonly form: WrittenForm | 'as-is';
}

export interface PlannedFile {
  /** Below the target; empty where the target is the file. */
  readonly path: string;
  readonly container: 'safetensors' | 'gguf';
  readonly tensors: readonly PlannedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Conversion {
  readonly files: readonly PlannedFile[];
  /** Texts by their path below the target. */
  readonly texts: Readonly<Record<string, string>>;
  /** What is not in the result, one sentence each. */
  readonly notes: readonly string[];
}

/** @throws UserError for a form that the layout does not hold, ModelFileError for a model that cannot be put into it */
export function planConversion(
  source: ModelSource,
  loaded: LoadedCheckpoint | undefined,
  target: ConversionTarget,
): Conversion {
  const { layout, form } = target;
  if (layout === 'gguf' ? form === 'fp8' : form === 'q8_0') {
    const fitting = storageForms.filter((each) => (layout === 'gguf' ? each !== 'fp8' : each !== 'q8_0'));
    throw new UserError('convert.form', `${layout} does not hold ${form}; it holds ${fitting.join(', ')}.`);
  }
  if (layout === 'diffusers') return intoFolder(needModel(loaded, source), source, form);
  const { tensors, notes } =
    source.layout === 'single-file' ? ofFile(source, loaded, target) : ofFolder(source, loaded);
  const planned = tensors.flatMap((tensor) => inForm(tensor, target, loaded));
  const { metadata: own } = source;
  const metadata = layout === 'gguf' ? { ...own, 'general.architecture': loaded?.family.id ?? 'unknown' } : own;
  return { files: [{ path: '', container: layout, tensors: planned, metadata }], texts: {}, notes };
}

function needModel(loaded: LoadedCheckpoint | undefined, { path }: ModelSource): LoadedCheckpoint {
  if (loaded) return loaded;
  throw new ModelFileError('layout', 'only whole models change their layout; this is none, give its own format', path);
}

function intoFolder(loaded: LoadedCheckpoint, source: ModelSource, form: StorageForm): Conversion {
  const { family, config, path } = loaded;
  if (!family.folderFiles) throw new ModelFileError('layout', `${family.title} has no layout of a folder`, path);
  const files = [...folderTensors(loaded, source)].map(([component, tensors]): PlannedFile => {
    const stem = component.startsWith('text_encoder') ? 'model' : 'diffusion_pytorch_model';
    const planned = tensors.flatMap((tensor) => inForm(tensor, { layout: 'diffusers', form }, loaded));
    return {
      path: `${component}/${stem}.safetensors`,
      container: 'safetensors',
      tensors: planned,
      metadata: { format: 'pt' },
    };
  });
  const texts = Object.entries(family.folderFiles(config)).map(([file, json]) => [
    file,
    `${JSON.stringify(json, null, 2)}\n`,
  ]);
  return { files, texts: Object.fromEntries(texts) as Record<string, string>, notes: [] };
}

/** In the layout of a single file, with what a folder's config files say beside the tensors. */
function ofFolder(
  source: ModelSource,
  loaded: LoadedCheckpoint | undefined,
): { tensors: SourceTensor[]; notes: string[] } {
  const model = needModel(loaded, source);
  const marks = (model.family.singleFileMarks?.(model.config) ?? []).map(
    (name): SourceTensor => ({ name, shape: [0], dtype: 'f32', refs: [] }),
  );
  return { tensors: [...singleFileTensors(model, source), ...marks], notes: [] };
}

const averagePrefix = 'model_ema.';
const denoiserPrefix = 'model.diffusion_model.';

/** Every tensor of a single file, with one set of weights where it holds two. */
function ofFile(
  source: ModelSource,
  loaded: LoadedCheckpoint | undefined,
  { weights = 'plain' }: ConversionTarget,
): { tensors: SourceTensor[]; notes: string[] } {
  const prefixes = new Map([...(loaded?.prefixes ?? [])]);
  const all = storedTensors(source.tensors, prefixes);
  const averages = new Map(all.filter(({ name }) => name.startsWith(averagePrefix)).map((each) => [each.name, each]));
  if (weights === 'ema' && averages.size === 0) {
    throw new ModelFileError('no-ema', 'the file holds no moving average (model_ema.*) to take', source.path);
  }
  const tensors = all
    .filter(({ name }) => !averages.has(name))
    .map((tensor) => (weights === 'ema' ? averaged(tensor, averages) : tensor));
  const notes =
    averages.size === 0
      ? []
      : [
          weights === 'ema'
            ? 'The moving average was taken for the weights.'
            : `The moving average (${averages.size} tensors) was left out.`,
        ];
  const unread = source.tensors.size - all.length;
  if (unread > 0) notes.push(`${unread} tensors of types that cannot be read were left out.`);
  return { tensors, notes };
}

/** `model_ema.` keeps the names of the denoiser's tensors without their dots. */
function averaged(tensor: SourceTensor, averages: ReadonlyMap<string, SourceTensor>): SourceTensor {
  if (!tensor.name.startsWith(denoiserPrefix)) return tensor;
  const name = averagePrefix + tensor.name.slice('model.'.length).replaceAll('.', '');
  const found = averages.get(name);
  return found ? { ...tensor, dtype: found.dtype, refs: found.refs } : tensor;
}

const wholeForms = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
const block = 32;

/** Whole numbers stay what they are; GGUF has no place for them. */
function inForm(
  tensor: SourceTensor,
  { layout, form }: ConversionTarget,
  loaded: LoadedCheckpoint | undefined,
): PlannedTensor[] {
  const [ref] = tensor.refs;
  // An empty tensor is a mark by its name; GGUF readers do not expect any.
  if (sizeOf(tensor.shape) === 0 && layout === 'gguf') return [];
  const hasFloats = ref?.kind === 'packed' || isFloat(tensor.dtype);
  if (!hasFloats) return layout === 'gguf' ? [] : [{ ...tensor, form: 'as-is' }];
  return [{ ...tensor, form: formOf(tensor, form, loaded?.parts.denoiser.component) }];
}

/**
 * 8-bit floats for the denoiser's matrices and kernels; Q8_0 for every matrix with rows of whole blocks but tables that
 * are looked up, as stable-diffusion.cpp has it. Vectors are small and matter: float32 beside Q8_0, halves beside fp8.
 */
function formOf(
  { name, shape, component }: SourceTensor,
  form: StorageForm,
  denoiser: string | undefined,
): WrittenForm {
  if (form === 'fp8') return shape.length > 1 && component !== undefined && component === denoiser ? 'F8_E4M3' : 'F16';
  if (form !== 'q8_0') return wholeForms[form];
  if (shape.length < 2) return 'F32';
  const isTable = /(embedding|position_embedding|positional_embedding|emb)\b.*weight$|positional_embedding$/.test(name);
  return shape.length === 2 && shape[1]! % block === 0 && !isTable ? 'Q8_0' : 'F16';
}
