/**
 * Weights whose scale is a tensor beside them: ComfyUI's scaled fp8 (`X.weight`, `X.scale_weight`, a marker tensor
 * `scaled_fp8`), its newer layers (`X.weight_scale`, `X.comfy_quant`), and 8-bit integers with scales. The scale becomes
 * part of the weight; what belongs to activations is left out.
 */

import type { ByteSource } from '#formats/byte-source';
import type { StoredTensor } from './resolve.ts';

const scaleNames = ['scale_weight', 'weight_scale'] as const;
/** For activations in fewer bits, or a description of what the tensors tell themselves. */
const besideNames = ['scale_input', 'input_scale', 'comfy_quant'] as const;
const marker = /(^|\.)scaled_fp8$/;

export function withScales(
  tensors: ReadonlyMap<string, StoredTensor>,
  source: ByteSource,
): ReadonlyMap<string, StoredTensor> {
  const found = new Map(tensors);
  let some = false;
  for (const [name, tensor] of tensors) {
    if (!name.endsWith('.weight') || !isEightBit(tensor)) continue;
    const stem = name.slice(0, -'weight'.length);
    const scaleName = scaleNames.map((own) => stem + own).find((own) => tensors.has(own));
    if (scaleName === undefined) continue;
    some = true;
    found.set(name, scaled(tensor, tensors.get(scaleName)!, source));
    for (const own of [...scaleNames, ...besideNames]) found.delete(stem + own);
  }
  if (some) for (const name of tensors.keys()) if (marker.test(name)) found.delete(name);
  return found;
}

function isEightBit({ dtype, ref }: StoredTensor): boolean {
  return dtype === 'i8' || (ref?.kind === 'packed' && ref.packing.startsWith('F8'));
}

/** Without a reference, and so refused by name, where the scale is not one number or one for each row. */
function scaled(
  tensor: StoredTensor,
  { ref: scale, shape: scaleShape }: StoredTensor,
  source: ByteSource,
): StoredTensor {
  const { ref, shape, dtype } = tensor;
  const count = scaleShape.reduce((n, d) => n * d, 1);
  const fits = count === 1 || (count === shape[0] && scaleShape[0] === count);
  if (!fits || scale?.kind !== 'file' || !ref || ref.kind === 'memory') {
    return { dtype: `${dtype} with a scale of shape [${scaleShape.join(', ')}]`, shape, ref: undefined };
  }
  if (ref.kind === 'packed') return { ...tensor, ref: { ...ref, scale } };
  const { path, offset, byteLength } = ref;
  const packed = { kind: 'packed', path, source, offset, byteLength, packing: 'I8', shape, scale } as const;
  return { dtype: 'I8 with scales', shape, ref: packed };
}
