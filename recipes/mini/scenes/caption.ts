/** Captions of scenes in many phrasings. Everything said is true of the picture; not everything shown is said. */

import {
  countWords,
  type ObjectKind,
  objectKinds,
  type Place,
  paints,
  placePhrases,
  places,
  relationPhrases,
  sizeWords,
  type TimeOfDay,
  timePhrases,
  times,
} from './catalog.ts';
import { pick, type SceneRandom } from './random.ts';
import type { Scene } from './scene.ts';

const synonymShare = 0.12;

/** The noun with `a` or `an`, by sound. */
export function withArticle(noun: string): string {
  return `${/^(?!uni)[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** The words for a scene's objects: "a small fox", "an owl above a tent", "three apples". */
function subjectOf(scene: Scene, random: SceneRandom): string {
  const kind = objectKinds[scene.object]!;
  switch (scene.layout) {
    case 'single': {
      const words = [...(scene.size === 'medium' ? [] : [pick(random, sizeWords[scene.size])]), scene.paint];
      return withArticle([...words, nameOf(kind, random)].filter((word) => word !== undefined).join(' '));
    }
    case 'pair': {
      const other = nameOf(objectKinds[scene.other]!, random);
      return `${withArticle(nameOf(kind, random))} ${pick(random, relationPhrases[scene.relation])} ${withArticle(other)}`;
    }
    case 'count':
      return `${countWords[scene.count]} ${kind.plural}`;
  }
}

function nameOf(kind: ObjectKind, random: SceneRandom): string {
  return kind.synonyms.length > 0 && random.uniform() < synonymShare ? pick(random, kind.synonyms) : kind.name;
}

/**
 * The caption of a scene. The place is left out now and then, and day is said less than half the time, as people do.
 * Forms: "a fox in the snow at night" (most), with the time first, with commas, as "a picture of", and as bare tags.
 */
export function captionOf(scene: Scene, random: SceneRandom): string {
  const subject = subjectOf(scene, random);
  const saysPlace = random.uniform() < (scene.layout === 'pair' ? 0.8 : 0.88);
  const saysTime = random.uniform() < (scene.time === 'day' ? 0.4 : 0.92);
  const form = random.uniform();
  if (form < 0.08) {
    const tags = [saysPlace ? scene.place : undefined, saysTime ? scene.time : undefined].filter(
      (t) => t !== undefined,
    );
    return (form < 0.04 ? [subject, ...tags] : [...tags.toReversed(), subject]).join(', ');
  }
  const where = saysPlace ? [pick(random, placePhrases[scene.place])] : [];
  const when = saysTime ? [pick(random, timePhrases[scene.time])] : [];
  if (form < 0.68) return [subject, ...where, ...when].join(' ');
  if (form < 0.78) return [`a picture of ${subject}`, ...where, ...when].join(' ');
  if (form < 0.88) return [subject, ...where, ...when].join(', ');
  return [subject, ...when, ...where].join(' ');
}

/** What a caption says; `place` and `time` are absent where it does not say them. */
export interface CaptionReading {
  /** Indices into `objectKinds`, in the order named. */
  readonly objects: readonly number[];
  readonly place?: Place;
  readonly time?: TimeOfDay;
}

/** Every name of every object, longest first. */
const objectNames = objectKinds
  .flatMap((kind, object) => [kind.name, kind.plural, ...kind.synonyms].map((name) => ({ name, object })))
  .toSorted((a, b) => b.name.length - a.name.length);

/** Reads a caption, or a prompt in the same words, back: known names, longest first. */
export function readCaption(caption: string): CaptionReading {
  let rest = ` ${caption.toLowerCase().replaceAll(',', ' ')} `;
  const take = (phrase: string): number => {
    const at = rest.indexOf(` ${phrase} `);
    if (at >= 0) rest = `${rest.slice(0, at)} ${'_'.repeat(phrase.length)} ${rest.slice(at + phrase.length + 2)}`;
    return at;
  };
  const place = places.find((p) => [...placePhrases[p], p].some((phrase) => take(phrase) >= 0));
  const time = times.find((t) => [...timePhrases[t], t].some((phrase) => take(phrase) >= 0));
  const found: { at: number; object: number }[] = [];
  for (const { name, object } of objectNames) {
    for (let at = take(name); at >= 0; at = take(name)) found.push({ at, object });
  }
  const objects = found.toSorted((a, b) => a.at - b.at).map(({ object }) => object);
  return { objects, ...(place ? { place } : {}), ...(time ? { time } : {}) };
}

/** Every word that a caption can hold, sorted. */
export function captionWords(): string[] {
  const phrases = [
    ...objectKinds.flatMap(({ name, plural, synonyms }) => [name, plural, ...synonyms]),
    ...Object.values(sizeWords).flat(),
    ...Object.values(placePhrases).flat(),
    ...Object.values(timePhrases).flat(),
    ...Object.values(relationPhrases).flat(),
    ...paints,
    ...places,
    ...times,
    ...countWords.slice(1),
    'a picture of an',
  ];
  return [...new Set(phrases.flatMap((phrase) => phrase.split(' ')))].sort();
}
