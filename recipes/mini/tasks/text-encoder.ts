/**
 * Training a text encoder alone, before the U-Net: linear heads read from its states what a caption says.
 *
 * It takes the place of CLIP's contrastive training (Radford et al. 2021, arXiv:2103.00020), which needs batches far
 * larger than a small machine runs. Every position from the end of the text on is read, padding too: a U-Net that has
 * learnt nothing yet attends to all positions alike, so what it needs first has to be in most of them.
 */

import { f32, i64 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { add, input, linear, mul, sum } from '#graph/build';
import { crossEntropy } from '#graph/compose';
import type { Value } from '#graph/value';
import type { ClipTextConfig } from '#models/clip/config';
import { clipText, textEncoderScope } from '#models/clip/network';
import { initialValue } from '#models/nn/init';
import { Scope } from '#models/nn/scope';
import type { TrainingTask } from '#training/loop';
import type { RandomSource } from '#training/random';
import { compactIds } from '#training/vocabulary';

/** Captions as windows of token ids, with one class a label for what each says. */
export interface CaptionSource<Label extends string> {
  /** Number of classes of each label. */
  readonly classes: Readonly<Record<Label, number>>;
  /** ids [count, positions] of the full vocabulary; classes [count]. */
  draw(random: RandomSource, count: number): { ids: Int32Array; labels: Readonly<Record<Label, Int32Array>> };
}

export interface TextEncoderOptions<Label extends string> {
  readonly textEncoder: ClipTextConfig;
  readonly source: CaptionSource<Label>;
  readonly batchSize: number;
  /** Token ids that occur, ascending; rows of the training table. */
  readonly vocabulary: Int32Array;
  /** Id that ends a text and pads its window. */
  readonly endId: number;
}

/** The loss is the sum over labels of the cross-entropy, averaged over the positions that are read. */
export function textEncoderTask<Label extends string>(
  options: TextEncoderOptions<Label>,
  hooks: Pick<TrainingTask, 'publish'> = {},
): TrainingTask {
  const { textEncoder, source, batchSize: b, vocabulary } = options;
  const t = textEncoder.positions;
  const labels = Object.keys(source.classes) as Label[];
  const scopes = [new Scope(textEncoderScope), new Scope('caption_heads')] as const;
  const ids = input('ids', 'i64', [b, t]);
  const states = clipText(scopes[0], { ...textEncoder, vocabSize: vocabulary.length }, ids);
  const read = input('read', 'f32', [b, t]);
  const lossOf = (label: Label): Value => {
    const classes = source.classes[label];
    const weight = scopes[1].parameter(`${label}.weight`, [classes, textEncoder.width], { kind: 'zeros' });
    const bias = scopes[1].parameter(`${label}.bias`, [classes], { kind: 'zeros' });
    const losses = crossEntropy(linear(states, weight, bias), input(label, 'i64', [b, t]), -1, 'none');
    return sum(mul(losses, read));
  };
  const losses = labels.map(lossOf);
  const initializers = new Map(scopes.flatMap((s) => s.declared()).map((p) => [p.name, p.initializer]));
  return {
    name: 'text-encoder',
    objective: () => ({
      loss: losses.reduce((x, y) => add(x, y)),
      metrics: Object.fromEntries(labels.map((label, i) => [label, losses[i]!])),
    }),
    initialise: (name, shape, random) => initialValue(shape, initializers.get(name)!, random).data as Float32Array,
    batch: (random) => Promise.resolve(drawBatch(options, labels, random)),
    ...hooks,
  };
}

function drawBatch<Label extends string>(
  { source, batchSize: b, textEncoder, vocabulary, endId }: TextEncoderOptions<Label>,
  labels: readonly Label[],
  random: RandomSource,
): Feeds {
  const t = textEncoder.positions;
  const drawn = source.draw(random, b);
  const everywhere = (classes: Int32Array): Int32Array =>
    Int32Array.from({ length: b * t }, (_, i) => classes[Math.floor(i / t)]!);
  return {
    ids: i64([b, t], compactIds(drawn.ids, vocabulary)),
    read: f32([b, t], readShares(drawn.ids, b, t, endId)),
    ...Object.fromEntries(labels.map((label) => [label, i64([b, t], everywhere(drawn.labels[label]))])),
  };
}

/** The share of each position in the loss: equal from the first end token on, zero before; all sum to 1. */
function readShares(ids: Int32Array, count: number, positions: number, endId: number): Float32Array {
  const shares = new Float32Array(count * positions);
  for (let n = 0; n < count; n++) {
    const row = ids.subarray(n * positions, (n + 1) * positions);
    const end = Math.max(0, row.indexOf(endId));
    shares.fill(1 / (count * (positions - end)), n * positions + end, (n + 1) * positions);
  }
  return shares;
}
