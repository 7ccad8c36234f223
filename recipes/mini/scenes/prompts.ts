/**
 * Prompts that score a model trained on scenes: combinations of object, place and time that training scenes never show,
 * in the plain phrasing and in a word order that no caption has.
 */

import { withArticle } from './caption.ts';
import {
  countWords,
  objectKinds,
  placePhrases,
  places,
  relationPhrases,
  relations,
  timePhrases,
  times,
} from './catalog.ts';
import { pick, type SceneRandom, seededRandom } from './random.ts';
import { isHeldOut, type Scene } from './scene.ts';

export interface EvaluationPrompt {
  readonly prompt: string;
  /** What the picture must show. */
  readonly scene: Scene;
}

interface Combination {
  readonly object: number;
  readonly place: number;
  readonly time: number;
}

/** Every combination kept out of training, in the catalogue's order. */
export function heldOutCombinations(): Combination[] {
  return objectKinds.flatMap((_, object) =>
    places.flatMap((place, p) =>
      times.flatMap((time, t) => (isHeldOut(object, place, time) ? [{ object, place: p, time: t }] : [])),
    ),
  );
}

/**
 * `count` prompts for scenes of a layout, the same at every call: the held-out combinations in turn, the first time
 * round plainly ("a fox in the snow at night"), the second with place and time in front ("at night in the snow, a
 * fox"), then both again in other words. The second object of a pair is any other.
 */
export function evaluationPrompts(count = 256, layout: Scene['layout'] = 'single'): EvaluationPrompt[] {
  const random = seededRandom(2024);
  const combinations = shuffled(heldOutCombinations(), random);
  return Array.from({ length: count }, (_, n) => {
    const round = Math.floor(n / combinations.length);
    const { object, place, time } = combinations[n % combinations.length]!;
    const where = round < 2 ? placePhrases[places[place]!][0]! : pick(random, placePhrases[places[place]!]);
    const when = round < 2 ? timePhrases[times[time]!][0]! : pick(random, timePhrases[times[time]!]);
    const { what, more } = subject(object, layout, random);
    const prompt = round % 2 === 0 ? `${what} ${where} ${when}` : `${when} ${where}, ${what}`;
    return { prompt, scene: { object, place: places[place]!, time: times[time]!, ...more } };
  });
}

type More =
  | { readonly layout: 'single'; readonly size: 'medium' }
  | { readonly layout: 'pair'; readonly relation: (typeof relations)[number]; readonly other: number }
  | { readonly layout: 'count'; readonly count: 2 | 3 };

/** The words for an object in a layout, and what they add to it. */
function subject(object: number, layout: Scene['layout'], random: SceneRandom): { what: string; more: More } {
  const { name, plural } = objectKinds[object]!;
  switch (layout) {
    case 'single':
      return { what: withArticle(name), more: { layout, size: 'medium' } };
    case 'pair': {
      const other = (object + 1 + random.integer(objectKinds.length - 1)) % objectKinds.length;
      const relation = pick(random, relations);
      const what = `${withArticle(name)} ${relationPhrases[relation][0]} ${withArticle(objectKinds[other]!.name)}`;
      return { what, more: { layout, relation, other } };
    }
    case 'count': {
      const number = random.uniform() < 0.5 ? 2 : 3;
      return { what: `${countWords[number]} ${plural}`, more: { layout, count: number } };
    }
  }
}

function shuffled<T>(items: readonly T[], random: SceneRandom): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
