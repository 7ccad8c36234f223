/** Scenes: what a picture shows, as data; drawn at random. Captions are in caption.ts, pixels in render.ts. */

import {
  objectKinds,
  type Paint,
  type Place,
  paints,
  places,
  type Relation,
  relations,
  type Size,
  sizes,
  type TimeOfDay,
  times,
} from './catalog.ts';
import { pick, type SceneRandom } from './random.ts';

interface SceneBase {
  readonly place: Place;
  readonly time: TimeOfDay;
  /** Index into `objectKinds`. */
  readonly object: number;
}

export interface SingleScene extends SceneBase {
  readonly layout: 'single';
  readonly size: Size;
  /** Said in the caption when present; the icon's own colours otherwise. */
  readonly paint?: Paint;
}

export interface PairScene extends SceneBase {
  readonly layout: 'pair';
  readonly relation: Relation;
  readonly other: number;
}

export interface CountScene extends SceneBase {
  readonly layout: 'count';
  readonly count: 2 | 3;
}

export type Scene = SingleScene | PairScene | CountScene;

const heldOutShare = 0.08;

/**
 * Whether a combination of object, place and time is kept out of training, so that prompts for it test composition.
 * A hash of the three names decides (FNV-1a with the finaliser of MurmurHash3): it does not depend on the order of the
 * catalogue, and it must never change, or published figures lose their meaning.
 */
export function isHeldOut(object: number, place: Place, time: TimeOfDay): boolean {
  let h = 0x811c9dc5;
  for (const character of `${objectKinds[object]!.name}|${place}|${time}`)
    h = Math.imul(h ^ character.charCodeAt(0), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h ^= h >>> 16;
  return (h >>> 0) / 2 ** 32 < heldOutShare;
}

/** A random scene: 56% one object, 24% two in relation, 20% two or three alike; never with a held-out combination. */
export function drawScene(random: SceneRandom): Scene {
  const layout = random.uniform();
  const setting = drawSetting(random);
  if (layout < 0.56) return drawSingle(setting, random);
  if (layout < 0.8) {
    const other = drawOther(setting, random);
    return { layout: 'pair', ...setting, relation: pick(random, relations), other };
  }
  return { layout: 'count', ...setting, count: random.uniform() < 0.5 ? 2 : 3 };
}

function drawSetting(random: SceneRandom): SceneBase {
  for (;;) {
    const object = random.integer(objectKinds.length);
    const place = pick(random, places);
    const time = pick(random, times);
    if (!isHeldOut(object, place, time)) return { object, place, time };
  }
}

/** Another object than the setting's, in the same place at the same time. */
function drawOther({ object, place, time }: SceneBase, random: SceneRandom): number {
  for (;;) {
    const other = (object + 1 + random.integer(objectKinds.length - 1)) % objectKinds.length;
    if (!isHeldOut(other, place, time)) return other;
  }
}

function drawSingle(setting: SceneBase, random: SceneRandom): SingleScene {
  const u = random.uniform();
  const size = sizes[u < 0.18 ? 0 : u < 0.82 ? 1 : 2];
  const painted = objectKinds[setting.object]!.fills !== undefined && random.uniform() < 0.6;
  return { layout: 'single', ...setting, size, paint: painted ? pick(random, paints) : undefined };
}

/** Class indices of a scene's main (in pairs: first named) object, its place and its time, and how many are shown. */
export interface SceneLabels {
  /** Index into `objectKinds`. */
  readonly object: number;
  /** Index into `places`. */
  readonly place: number;
  /** Index into `times`. */
  readonly time: number;
  /** Number of objects of that kind, 1 to 3. */
  readonly count: number;
}

export function labelsOf(scene: Scene): SceneLabels {
  return {
    object: scene.object,
    place: places.indexOf(scene.place),
    time: times.indexOf(scene.time),
    count: scene.layout === 'count' ? scene.count : 1,
  };
}
