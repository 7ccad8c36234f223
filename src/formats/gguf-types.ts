/**
 * The element types of GGUF files: their numbers, their blocks, and which of them can be read.
 * Source: ggml/include/ggml.h (`enum ggml_type`), ggml/src/ggml-common.h (sizes of blocks).
 */

import { type FileDType, isFileDType } from './file-dtype.ts';
import { type BlockPacking, isBlockPacking } from './packing.ts';

/** By number: name, elements of a block, bytes of a block. Numbers that are missing were never in a released file. */
const types: Readonly<Record<number, readonly [name: string, elements: number, bytes: number]>> = {
  0: ['F32', 1, 4],
  1: ['F16', 1, 2],
  2: ['Q4_0', 32, 18],
  3: ['Q4_1', 32, 20],
  6: ['Q5_0', 32, 22],
  7: ['Q5_1', 32, 24],
  8: ['Q8_0', 32, 34],
  9: ['Q8_1', 32, 36],
  10: ['Q2_K', 256, 84],
  11: ['Q3_K', 256, 110],
  12: ['Q4_K', 256, 144],
  13: ['Q5_K', 256, 176],
  14: ['Q6_K', 256, 210],
  15: ['Q8_K', 256, 292],
  16: ['IQ2_XXS', 256, 66],
  17: ['IQ2_XS', 256, 74],
  18: ['IQ3_XXS', 256, 98],
  19: ['IQ1_S', 256, 50],
  20: ['IQ4_NL', 32, 18],
  21: ['IQ3_S', 256, 110],
  22: ['IQ2_S', 256, 82],
  23: ['IQ4_XS', 256, 136],
  24: ['I8', 1, 1],
  25: ['I16', 1, 2],
  26: ['I32', 1, 4],
  27: ['I64', 1, 8],
  28: ['F64', 1, 8],
  29: ['IQ1_M', 256, 56],
  30: ['BF16', 1, 2],
  34: ['TQ1_0', 256, 54],
  35: ['TQ2_0', 256, 66],
  39: ['MXFP4', 32, 17],
};

export interface GgufType {
  readonly name: string;
  /** Elements and bytes of a block. */
  readonly elements: number;
  readonly bytes: number;
  /** How it is unpacked, or what its elements are; neither for a type that cannot be read. */
  readonly packing?: BlockPacking | undefined;
  readonly dtype?: FileDType | undefined;
}

export function ggufType(number: number): GgufType | undefined {
  const row = types[number];
  if (!row) return undefined;
  const [name, elements, bytes] = row;
  return {
    name,
    elements,
    bytes,
    packing: isBlockPacking(name) ? name : undefined,
    dtype: isFileDType(name) ? name : undefined,
  };
}

/** The number of a type that is written. */
export function ggufNumber(name: 'F32' | 'F16' | 'BF16' | 'Q8_0'): number {
  return Number(Object.entries(types).find(([, row]) => row[0] === name)![0]);
}
