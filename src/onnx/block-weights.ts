/**
 * Which weights stay in blocks, and how the runtime wants them: `com.microsoft.MatMulNBits` of ONNX Runtime
 * (docs/ContribOperators.md), whose value is `(code - zero point) * scale` with unsigned codes of four or eight bits.
 * With accuracy level 0 it computes in float32; the levels that round the activations too are not used.
 */

import type { WeightPacked } from '#engine/backend';
import { hasWholeBlocks, packedShape } from '#engine/packed';
import type { Blocks } from '#formats/packing';
import type { Graph, Value } from '#graph/value';
import { topological } from '#graph/value';

export interface RuntimeBlocks {
  /** Two four-bit codes a byte, the first in the low half; or one of eight bits. */
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  /** Absent where all are the middle of the range. */
  readonly zeroPoints: Float32Array | undefined;
}

export function runtimeBlocks(blocks: Blocks): RuntimeBlocks {
  const { bits, offsets } = blocks;
  // Without offsets codes are signed, with offsets of four bits they are not.
  const shift = bits === 8 ? 128 : offsets ? 0 : 8;
  const codes = bits === 8 ? shifted(blocks.codes, shift) : paired(blocks.codes, shift);
  if (!offsets) return { codes, scales: blocks.scales, zeroPoints: undefined };
  const scales = blocks.scales.slice();
  const zeroPoints = new Float32Array(scales.length);
  for (let i = 0; i < scales.length; i++) {
    if (scales[i] !== 0) zeroPoints[i] = shift - offsets[i]! / scales[i]!;
    else if (offsets[i] !== 0) {
      // A block of one value has no scale; any code minus this zero point times the offset is about that value.
      scales[i] = offsets[i]!;
      zeroPoints[i] = shift - 1;
      clear(codes, i, blocks, shift);
    }
  }
  return { codes, scales, zeroPoints };
}

/** Makes all codes of a block stand for 0. */
function clear(codes: Uint8Array, block: number, { size, bits }: Blocks, shift: number): void {
  const length = (size * bits) / 8;
  codes.fill(bits === 8 ? shift : shift * 17, block * length, (block + 1) * length);
}

function shifted(codes: Int8Array, shift: number): Uint8Array {
  const out = new Uint8Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = codes[i]! + shift;
  return out;
}

function paired(codes: Int8Array, shift: number): Uint8Array {
  const out = new Uint8Array(codes.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = (codes[2 * i]! + shift) | ((codes[2 * i + 1]! + shift) << 4);
  return out;
}

/** Parameters that are the weight of linear layers and nothing else. */
export function linearWeights(graph: Graph): ReadonlySet<string> {
  const linear = new Set<string>();
  const other = new Set<string>(Object.values(graph.outputs).flatMap(nameOf));
  for (const value of topological(Object.values(graph.outputs))) {
    value.inputs.forEach((operand, i) => {
      for (const name of nameOf(operand)) (value.op === 'linear' && i === 1 ? linear : other).add(name);
    });
  }
  return new Set([...linear].filter((name) => !other.has(name)));
}

function nameOf(value: Value): string[] {
  return value.op === 'parameter' ? [value.attrs.name] : [];
}

/** Whether a packed matrix can stay as it is for linear layers. */
export function staysInBlocks(ref: WeightPacked): boolean {
  const shape = packedShape(ref).filter((d, axis) => axis < 2 || d !== 1);
  return shape.length === 2 && hasWholeBlocks(ref, shape[1]!);
}
