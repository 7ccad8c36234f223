/** Scenes: what a picture shows, as data; drawn at random and told in words. Caption and picture always agree. */

import {
  countWords,
  type ObjectKind,
  objectKinds,
  type Place,
  placePhrases,
  places,
  type Relation,
  relationPhrases,
  relations,
  type Size,
  sizes,
  sizeWords,
  type TimeOfDay,
  timePhrases,
  times,
} from './catalog.ts';

/** The randomness that scenes need; any seeded stream will do. */
export interface SceneRandom {
  /** On [0, 1). */
  uniform(): number;
  /** A whole number on [0, below). */
  integer(below: number): number;
}

interface SceneBase {
  readonly place: Place;
  readonly time: TimeOfDay;
}

export interface SingleScene extends SceneBase {
  readonly layout: 'single';
  /** Index into `objectKinds`. */
  readonly object: number;
  readonly size: Size;
}

export interface PairScene extends SceneBase {
  readonly layout: 'pair';
  readonly object: number;
  readonly relation: Relation;
  readonly other: number;
}

export interface CountScene extends SceneBase {
  readonly layout: 'count';
  readonly object: number;
  readonly count: 2 | 3;
}

export type Scene = SingleScene | PairScene | CountScene;

const heldOutShare = 0.08;

/**
 * Whether a combination of object, place and time is kept out of training, so that prompts for it test composition. A
 * fixed hash of the three indices decides; it must never change, or published figures lose their meaning.
 */
export function isHeldOut(object: number, place: Place, time: TimeOfDay): boolean {
  let h = (object * 73856093) ^ (places.indexOf(place) * 19349663) ^ (times.indexOf(time) * 83492791);
  h = Math.imul(h ^ (h >>> 13), 0x5bd1e995);
  h ^= h >>> 15;
  return (h >>> 0) / 2 ** 32 < heldOutShare;
}

export function pick<T>(random: SceneRandom, items: readonly T[]): T {
  return items[random.integer(items.length)]!;
}

/** A random scene: about 60% one object, 22% two in relation, 18% two or three alike. Never a held-out combination. */
export function drawScene(random: SceneRandom): Scene {
  for (;;) {
    const object = random.integer(objectKinds.length);
    const place = pick(random, places);
    const time = pick(random, times);
    const layout = random.uniform();
    if (layout < 0.6) {
      const u = random.uniform();
      const size = sizes[u < 0.2 ? 0 : u < 0.8 ? 1 : 2]!;
      if (!isHeldOut(object, place, time)) return { layout: 'single', object, size, place, time };
    } else if (layout < 0.82) {
      const other = (object + 1 + random.integer(objectKinds.length - 1)) % objectKinds.length;
      return { layout: 'pair', object, relation: pick(random, relations), other, place, time };
    } else {
      return { layout: 'count', object, count: random.uniform() < 0.5 ? 2 : 3, place, time };
    }
  }
}

const article = (noun: string): string => (/^[aeiou]/.test(noun) && !/^uni/.test(noun) ? `an ${noun}` : `a ${noun}`);

function subject(scene: Scene, random: SceneRandom): string {
  const { name, plural } = objectKinds[scene.object] as ObjectKind;
  switch (scene.layout) {
    case 'single': {
      const words = sizeWords[scene.size];
      return article(words.length > 0 ? `${pick(random, words)} ${name}` : name);
    }
    case 'pair': {
      const other = article(objectKinds[scene.other]!.name);
      return `${article(name)} ${pick(random, relationPhrases[scene.relation])} ${other}`;
    }
    case 'count':
      return `${countWords[scene.count]} ${plural}`;
  }
}

/** The caption of a scene in one of many phrasings. Place is left out now and then; day goes mostly without saying. */
export function captionOf(scene: Scene, random: SceneRandom): string {
  const what = subject(scene, random);
  const sayPlace = random.uniform() < (scene.layout === 'pair' ? 0.8 : 0.9);
  const sayTime = scene.time !== 'day' || random.uniform() < 0.25;
  const where = sayPlace ? pick(random, placePhrases[scene.place]) : undefined;
  const when = sayTime ? pick(random, timePhrases[scene.time]) : undefined;
  const rest = [where, when].filter((p): p is string => p !== undefined);
  const form = random.uniform();
  if (form < 0.7) return [what, ...rest].join(' ');
  if (form < 0.8) return [`a picture of ${what}`, ...rest].join(' ');
  if (form < 0.9) return [what, ...rest].join(', ');
  return [what, ...rest.toReversed()].join(' ');
}

/** Class indices of a scene's main object, its place and its time. */
export interface SceneLabels {
  readonly object: number;
  readonly place: number;
  readonly time: number;
}

export function labelsOf(scene: Scene): SceneLabels {
  return { object: scene.object, place: places.indexOf(scene.place), time: times.indexOf(scene.time) };
}
