/** A text-encoder run: captions of scenes drawn anew for every batch, labelled with what they say. */

import { captionWindows } from '#studio/training/caption-windows';
import { publishedWeights } from '#studio/training/published';
import type { RunContext } from '#studio/training/run-context';
import type { TrainingTask } from '#training/loop';
import type { RandomSource } from '#training/random';
import type { TextEncoderConfig } from './config.ts';
import { sampledCaptions } from './scene-pictures.ts';
import { captionOf, readCaption } from './scenes/caption.ts';
import { objectKinds, paints, places, relations, sizes, times } from './scenes/catalog.ts';
import { drawScene, type Scene } from './scenes/scene.ts';
import { type CaptionSource, textEncoderTask } from './tasks/text-encoder.ts';

/** Number of classes of each label; where something may be left unsaid, that is the last class. */
const classes = {
  object: objectKinds.length,
  other: objectKinds.length + 1,
  place: places.length + 1,
  time: times.length + 1,
  relation: relations.length + 1,
  size: sizes.length,
  paint: paints.length + 1,
  count: 3,
};

type Label = keyof typeof classes;

export function prepareTextEncoder(config: TextEncoderConfig, { files }: RunContext): TrainingTask {
  const { windowOf, vocabulary, endId } = captionWindows(config.textEncoder.positions, sampledCaptions());
  const { textEncoder, batchSize } = config;
  return textEncoderTask(
    { textEncoder, batchSize, vocabulary, endId, source: sceneCaptions(windowOf, textEncoder.positions) },
    { publish: (weights) => files.writeTensors(publishedWeights, weights) },
  );
}

function sceneCaptions(windowOf: (caption: string) => Int32Array, positions: number): CaptionSource<Label> {
  const names = Object.keys(classes) as Label[];
  return {
    classes,
    draw(random: RandomSource, count: number) {
      const ids = new Int32Array(count * positions);
      const labels = Object.fromEntries(names.map((l) => [l, new Int32Array(count)])) as Record<Label, Int32Array>;
      for (let n = 0; n < count; n++) {
        const scene = drawScene(random);
        const caption = captionOf(scene, random);
        ids.set(windowOf(caption), n * positions);
        const said = whatIsSaid(scene, caption);
        for (const label of names) labels[label][n] = said[label];
      }
      return { ids, labels };
    },
  };
}

function whatIsSaid(scene: Scene, caption: string): Record<Label, number> {
  const { place, time } = readCaption(caption);
  const pair = scene.layout === 'pair' ? scene : undefined;
  const single = scene.layout === 'single' ? scene : undefined;
  return {
    object: scene.object,
    other: pair ? pair.other : objectKinds.length,
    place: place === undefined ? places.length : places.indexOf(place),
    time: time === undefined ? times.length : times.indexOf(time),
    relation: pair ? relations.indexOf(pair.relation) : relations.length,
    size: sizes.indexOf(single?.size ?? 'medium'),
    paint: single?.paint === undefined ? paints.length : paints.indexOf(single.paint),
    count: scene.layout === 'count' ? scene.count - 1 : 0,
  };
}
