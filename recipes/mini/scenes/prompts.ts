/**
 * Prompts that score a model trained on scenes: combinations of object, place and time that training scenes never show,
 * in the plain phrasing and in a word order that no caption has.
 */

import { withArticle } from './caption.ts';
import { objectKinds, placePhrases, places, timePhrases, times } from './catalog.ts';
import { pick, type SceneRandom, seededRandom } from './random.ts';
import { isHeldOut, type SceneLabels } from './scene.ts';

export interface EvaluationPrompt {
  readonly prompt: string;
  /** What the picture must show. */
  readonly labels: SceneLabels;
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
 * `count` prompts, the same at every call: the held-out combinations in turn, the first time round plainly ("a fox in
 * the snow at night"), the second with place and time in front ("at night in the snow, a fox"), then both again in
 * other words.
 */
export function evaluationPrompts(count = 256): EvaluationPrompt[] {
  const random = seededRandom(2024);
  const combinations = shuffled(heldOutCombinations(), random);
  return Array.from({ length: count }, (_, n) => {
    const round = Math.floor(n / combinations.length);
    const { object, place, time } = combinations[n % combinations.length]!;
    const where = round < 2 ? placePhrases[places[place]!][0]! : pick(random, placePhrases[places[place]!]);
    const when = round < 2 ? timePhrases[times[time]!][0]! : pick(random, timePhrases[times[time]!]);
    const what = withArticle(objectKinds[object]!.name);
    const prompt = round % 2 === 0 ? `${what} ${where} ${when}` : `${when} ${where}, ${what}`;
    return { prompt, labels: { object, place, time, count: 1 } };
  });
}

function shuffled<T>(items: readonly T[], random: SceneRandom): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
