/**
 * Kinds of adapters, each with its rule: from a module's stored tensors to what is added to its weight at strength 1.
 *
 * Sources: kohya-ss/sd-scripts networks/lora.py; LyCORIS (Yeh et al. 2023, arXiv:2309.14859) lycoris/modules; DoRA (Liu
 * et al. 2024, arXiv:2402.09353). All are linear in the strength, as in A1111.
 */

import { kronecker, type Matrix, product, scaled, transposed, tucker, tuckerInner } from './matrix.ts';
import { oftDelta } from './oft.ts';
import { peftRotated } from './peft-rotations.ts';
import type { ModuleTensors, Slot } from './slots.ts';

/** What is added to a weight as a product: `up` [out, r] @ `down` [r, in, ...kernel], scale included. */
export interface LowRank {
  readonly down: Matrix;
  readonly up: Matrix;
}

export interface AdapterKind {
  readonly id: string;
  readonly title: string;
  /** Slots of which one of the lists is there as a whole. */
  readonly needs: readonly (readonly Slot[])[];
  /** Set where the change is a product whatever the weight. */
  readonly lowRank?: (tensors: ModuleTensors) => LowRank;
  /** Change of the weight [out, in, ...kernel], in its order of elements. */
  readonly delta: (tensors: ModuleTensors, weight: Matrix) => Matrix;
}

/** The first whose tensors are there counts; A1111's order. */
export const adapterKinds: readonly AdapterKind[] = [
  {
    id: 'lora',
    title: 'LoRA',
    needs: [['down', 'up']],
    lowRank: loraPair,
    delta: (t) => {
      const { down, up } = loraPair(t);
      return product(up, down);
    },
  },
  { id: 'loha', title: 'LoHa', needs: [['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b']], delta: lohaDelta },
  { id: 'ia3', title: 'IA3', needs: [['weight', 'on_input']], delta: ia3Delta },
  {
    id: 'lokr',
    title: 'LoKr',
    needs: [
      ['lokr_w1', 'lokr_w2'],
      ['lokr_w1', 'lokr_w2_a', 'lokr_w2_b'],
      ['lokr_w1_a', 'lokr_w1_b', 'lokr_w2'],
      ['lokr_w1_a', 'lokr_w1_b', 'lokr_w2_a', 'lokr_w2_b'],
    ],
    delta: lokrDelta,
  },
  { id: 'full', title: 'full difference', needs: [['diff']], delta: (t) => t.need('diff') },
  { id: 'norm', title: 'norm', needs: [['w_norm']], delta: (t) => t.need('w_norm') },
  { id: 'glora', title: 'GLoRA', needs: [['a1', 'a2', 'b1', 'b2']], delta: gloraDelta },
  { id: 'oft', title: 'OFT', needs: [['oft_blocks'], ['oft_diag']], delta: oftDelta },
  { id: 'peft-oft', title: 'OFT of peft', needs: [['oft_R'], ['oft_r'], ['boft_R']], delta: peftRotated },
];

/** Change of the bias, whatever the kind; peft's `lora_bias` is one of the second factor, scaled as the product is. */
export function biasDelta(tensors: ModuleTensors): Matrix | undefined {
  const bias = tensors.find('up_bias');
  const ofPair = bias && scaled(bias, scaleOf(tensors, tensors.find('down')?.shape[0] ?? 1));
  return tensors.find('diff_b') ?? tensors.find('b_norm') ?? ofPair;
}

/** A stored `scale`, else alpha / rank, else 1. */
function scaleOf(tensors: ModuleTensors, rank: number): number {
  const alpha = tensors.find('alpha')?.data[0];
  return tensors.find('scale')?.data[0] ?? (alpha === undefined ? 1 : alpha / rank);
}

function loraPair(t: ModuleTensors): LowRank {
  const [down, up, mid] = [t.need('down'), t.need('up'), t.find('mid')];
  const rank = down.shape[0]!;
  return { down: mid ? tuckerInner(mid, down) : down, up: scaled(up, scaleOf(t, rank)) };
}

function lohaDelta(t: ModuleTensors): Matrix {
  const side = (a: Matrix, b: Matrix, core: Matrix | undefined): Matrix =>
    core ? tucker(transposed(a), core, b) : product(a, b);
  const one = side(t.need('hada_w1_a'), t.need('hada_w1_b'), t.find('hada_t1'));
  const two = side(t.need('hada_w2_a'), t.need('hada_w2_b'), t.find('hada_t2'));
  const scale = scaleOf(t, t.need('hada_w1_b').shape[0]!);
  return { shape: one.shape, data: one.data.map((x, i) => x * two.data[i]! * scale) };
}

function ia3Delta(t: ModuleTensors, weight: Matrix): Matrix {
  const factors = t.need('weight').data;
  const onInput = t.need('on_input').data[0] !== 0;
  const [rows, inputs = 1] = weight.shape as [number, number?];
  const cells = weight.data.length / rows / inputs;
  const at = (i: number): number => (onInput ? Math.floor(i / cells) % inputs : Math.floor(i / cells / inputs));
  return { shape: weight.shape, data: weight.data.map((w, i) => w * factors[at(i)]!) };
}

function lokrDelta(t: ModuleTensors): Matrix {
  const left = t.find('lokr_w1') ?? product(t.need('lokr_w1_a'), t.need('lokr_w1_b'));
  const core = t.find('lokr_t2');
  const right =
    t.find('lokr_w2') ??
    (core
      ? tucker(transposed(t.need('lokr_w2_a')), core, t.need('lokr_w2_b'))
      : product(t.need('lokr_w2_a'), t.need('lokr_w2_b')));
  // Two whole factors have no rank that an alpha could be divided by.
  const rank = (t.find('lokr_w1_b') ?? t.find('lokr_w2_b'))?.shape[0];
  return scaled(kronecker(left, right), rank === undefined ? 1 : scaleOf(t, rank));
}

/**
 * W A + B, each a product of two; LyCORIS stores the factors in reading order, others the other way round. Of a
 * convolution B may have a Tucker core `bm` between its two (lycoris/modules/glora.py).
 */
function gloraDelta(t: ModuleTensors, weight: Matrix): Matrix {
  const [a1, a2, b1, b2] = (['a1', 'a2', 'b1', 'b2'] as const).map((slot) => t.need(slot)) as [
    Matrix,
    Matrix,
    Matrix,
    Matrix,
  ];
  const inOrder = b1.shape[0] === weight.shape[0] && a1.shape[0] === weight.shape[1];
  const core = t.find('bm');
  const joined = (outer: Matrix, inner: Matrix): Matrix => (core ? tucker(outer, core, inner) : product(outer, inner));
  const [a, b] = inOrder ? [product(a1, a2), joined(b1, b2)] : [product(a2, a1), joined(b2, b1)];
  const scale = scaleOf(t, inOrder ? b2.shape[0]! : b1.shape[0]!);
  const changed = tuckerInner(weight, a);
  return { shape: weight.shape, data: changed.data.map((x, i) => (x + b.data[i]!) * scale) };
}

/** Trained lengths of a weight's rows or columns. */
export interface TrainedLengths {
  readonly of: 'rows' | 'columns';
  readonly values: Matrix;
}

/**
 * The lengths of a weight-decomposed adapter. LyCORIS' `dora_scale` tells by its shape: [out] and [out, 1, ...] are of
 * rows, [1, in, ...] of columns; peft's magnitudes are of rows, also where a convolution has them as [1, out, 1, 1].
 */
export function trainedLengths(tensors: ModuleTensors, rows: number): TrainedLengths | undefined {
  const magnitudes = tensors.find('magnitude');
  if (magnitudes) return { of: 'rows', values: magnitudes };
  const values = tensors.find('dora');
  if (!values) return undefined;
  const byRow = values.shape.length === 1 || (values.shape[0] === rows && values.data.length === rows);
  return { of: byRow ? 'rows' : 'columns', values };
}

/** Weight-decomposed: the changed weight's rows or columns keep their trained length. */
export function decomposed(delta: Matrix, lengths: TrainedLengths, weight: Matrix): Matrix {
  const [rows, inputs = 1] = weight.shape as [number, number?];
  const cells = weight.data.length / rows / inputs;
  const byRow = lengths.of === 'rows';
  const axisOf = (i: number): number => (byRow ? Math.floor(i / cells / inputs) : Math.floor(i / cells) % inputs);
  const squares = new Float64Array(byRow ? rows : inputs);
  const changed = weight.data.map((w, i) => w + delta.data[i]!);
  for (const [i, x] of changed.entries()) squares[axisOf(i)]! += x * x;
  const factors = squares.map((sum, i) => lengths.values.data[i]! / (Math.sqrt(sum) || 1));
  return { shape: weight.shape, data: changed.map((x, i) => x * factors[axisOf(i)]! - weight.data[i]!) };
}
