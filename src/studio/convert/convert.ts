/** Converting a model of the disk: opened by its header, planned, written. */

import path from 'node:path';
import { UserError } from '#core/errors';
import {
  type ConversionLayout,
  type ConversionTarget,
  planConversion,
  type StorageForm,
  storageForms,
} from '#models/convert/plan';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { ModelFileError } from '#models/model-error';
import { openModelSource } from '#models/model-source';
import { nodeModelFiles } from '../files/model-files.ts';
import { copyCard, copyYaml } from './copy-side-files.ts';
import { exportOnnx, type OnnxForm } from './onnx-export.ts';
import { tokenizerFiles } from './tokenizer-files.ts';
import { type WriteOptions, type WriteResult, writeConversion } from './write.ts';

export interface ConvertRequest {
  /** File or folder. */
  readonly from: string;
  readonly to: string;
  readonly layout: ConversionLayout;
  readonly form: StorageForm;
  readonly weights?: ConversionTarget['weights'];
}

export interface Converted extends WriteResult {
  readonly notes: readonly string[];
}

/** By the target's ending; a name without one is a folder. */
export function layoutOf(target: string): ConversionLayout {
  const ending = path.extname(target).toLowerCase();
  if (ending === '.safetensors' || ending === '.gguf') return ending.slice(1) as ConversionLayout;
  if (ending === '') return 'diffusers';
  const advice = 'expected .safetensors, .gguf, or a folder';
  throw new UserError(
    'convert.layout',
    `${JSON.stringify(ending)} is no ending that a model is written with; ${advice}.`,
  );
}

/** Undefined: it was stopped, and nothing was written. */
export async function convertModel(
  request: ConvertRequest,
  options: WriteOptions = {},
): Promise<Converted | undefined> {
  const { from, to, layout, form, weights } = request;
  const source = await openModelSource(nodeModelFiles, from);
  const loaded = await loadCheckpoint(nodeModelFiles, from, { partial: true }).catch((error: unknown) => {
    if (layout === 'safetensors' && error instanceof ModelFileError && error.code === 'model.unsupported')
      return undefined;
    throw error;
  });
  if (layout !== 'onnx') {
    const { notes, ...plan } = planConversion(source, loaded, { layout, form, weights });
    const texts = layout === 'diffusers' ? { ...plan.texts, ...tokenizerFiles(plan.texts) } : plan.texts;
    const result = await writeConversion(to, { ...plan, notes, texts }, options);
    if (!result) return undefined;
    const copied = [...(layout === 'diffusers' ? [] : await copyYaml(from, to)), ...(await copyCard(from, to))];
    return { ...result, notes: [...notes, ...copied, ...overflowNotes(result, form)] };
  }
  if (form !== 'f32' && form !== 'f16' && form !== 'bf16') {
    const fitting = storageForms.slice(0, 3).join(', ');
    throw new UserError('convert.form', `ONNX models are written in ${fitting}; ${form} is none of them.`);
  }
  const result = await exportOnnx(to, loaded as LoadedCheckpoint, form satisfies OnnxForm, options);
  return result && { ...result, notes: [] };
}

function overflowNotes({ overflowed }: WriteResult, form: StorageForm): string[] {
  if (overflowed.length === 0) return [];
  const [first] = overflowed;
  const more = overflowed.length > 1 ? ` and ${overflowed.length - 1} more` : '';
  return [`${form} has no numbers as large as some in ${first}${more}; take bf16 or f32 if pictures come out wrong.`];
}
