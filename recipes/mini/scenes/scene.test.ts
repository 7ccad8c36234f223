import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { captionOf, captionWords, readCaption, withArticle } from './caption.ts';
import { objectKinds, places, sizeWords, times } from './catalog.ts';
import { sceneAt } from './dataset.ts';
import { evaluationPrompts, heldOutCombinations } from './prompts.ts';
import { seededRandom } from './random.ts';
import { drawScene, isHeldOut, labelsOf, type Scene } from './scene.ts';

const drawn = Array.from({ length: 20_000 }, (_, index) => sceneAt(7, index));

describe('catalogue', () => {
  it('has at least 60 objects and 8 places, told apart by name', () => {
    const names = objectKinds.flatMap((kind) => [kind.name, ...kind.synonyms]);
    expect(objectKinds.length).toBeGreaterThanOrEqual(60);
    expect(places.length).toBeGreaterThanOrEqual(8);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(objectKinds.map((kind) => kind.icon)).size).toBe(objectKinds.length);
  });
});

describe('drawScene', () => {
  it('draws the same scenes from the same seed and others from another', () => {
    const scenes = (seed: number): Scene[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 50 }, () => drawScene(random));
    };
    expect(scenes(11)).toEqual(scenes(11));
    expect(scenes(11)).not.toEqual(scenes(12));
    expect(sceneAt(7, 123)).toEqual(drawn[123]);
  });

  it('shows every object, place and time, in the layouts asked for', () => {
    const share = (layout: string): number => drawn.filter((s) => s.scene.layout === layout).length / drawn.length;
    expect(share('single')).toBeCloseTo(0.56, 1);
    expect(share('pair')).toBeCloseTo(0.24, 1);
    expect(share('count')).toBeCloseTo(0.2, 1);
    expect(new Set(drawn.map((s) => s.labels.object)).size).toBe(objectKinds.length);
    expect(new Set(drawn.map((s) => `${s.labels.place} ${s.labels.time}`)).size).toBe(places.length * times.length);
    expect(new Set(drawn.map((s) => s.labels.count))).toEqual(new Set([1, 2, 3]));
  });

  it('never pairs an object with itself', () => {
    const same = drawn.filter(({ scene }) => scene.layout === 'pair' && scene.object === scene.other);
    expect(same).toEqual([]);
  });

  it('never draws a held-out combination, alone or among others, and all others as single objects', () => {
    const objects = (scene: Scene): number[] =>
      scene.layout === 'pair' ? [scene.object, scene.other] : [scene.object];
    const leaks = drawn.filter(({ scene }) => objects(scene).some((o) => isHeldOut(o, scene.place, scene.time)));
    expect(leaks).toEqual([]);
    const singles = drawn.flatMap(({ scene }) => (scene.layout === 'single' ? [scene] : []));
    const seen = new Set(singles.map((s) => `${s.object} ${s.place} ${s.time}`));
    const all = objectKinds.length * places.length * times.length;
    expect(seen.size).toBeGreaterThan(0.98 * (all - heldOutCombinations().length));
  });
});

describe('held-out combinations', () => {
  it('are about 8% and touch most objects and every place and time', () => {
    const held = heldOutCombinations();
    const share = held.length / (objectKinds.length * places.length * times.length);
    expect(share).toBeGreaterThan(0.06);
    expect(share).toBeLessThan(0.1);
    expect(new Set(held.map((c) => c.place)).size).toBe(places.length);
    expect(new Set(held.map((c) => c.time)).size).toBe(times.length);
    expect(new Set(held.map((c) => c.object)).size).toBeGreaterThan(0.7 * objectKinds.length);
  });

  it('give 256 distinct prompts that say their labels and that no training caption equals', () => {
    const prompts = evaluationPrompts();
    expect(prompts).toHaveLength(256);
    expect(evaluationPrompts()).toEqual(prompts);
    expect(new Set(prompts.map((p) => p.prompt)).size).toBe(256);
    for (const { prompt, scene } of prompts) {
      const { object, place, time } = scene;
      expect(readCaption(prompt)).toEqual({ objects: [object], place, time });
      expect(isHeldOut(object, place, time)).toBe(true);
    }
    const captions = new Set(drawn.map((s) => s.caption));
    expect(prompts.filter((p) => captions.has(p.prompt))).toEqual([]);
  });

  it('name two objects, or some alike, as their scenes have them', () => {
    for (const { prompt, scene } of [...evaluationPrompts(60, 'pair'), ...evaluationPrompts(60, 'count')]) {
      const objects = scene.layout === 'pair' ? [scene.object, scene.other] : [scene.object];
      expect(readCaption(prompt).objects, prompt).toEqual(objects);
      if (scene.layout === 'count') expect(prompt).toContain(scene.count === 2 ? 'two' : 'three');
    }
  });
});

describe('captionOf', () => {
  it('names the objects of the scene in order, and its own place and time where it says them', () => {
    for (const { scene, caption } of drawn) {
      const reading = readCaption(caption);
      const objects = scene.layout === 'pair' ? [scene.object, scene.other] : [scene.object];
      expect(reading.objects, caption).toEqual(objects);
      if (reading.place !== undefined) expect(reading.place, caption).toBe(scene.place);
      if (reading.time !== undefined) expect(reading.time, caption).toBe(scene.time);
    }
  });

  it('says sizes, colours and counts exactly when the scene has them', () => {
    for (const { scene, caption } of drawn) {
      const words = caption.split(/[ ,]+/);
      const size = (['small', 'large'] as const).find((s) => sizeWords[s].some((word) => words.includes(word)));
      const paint = words.find((word) => ['red', 'blue', 'green', 'yellow', 'purple'].includes(word));
      const count = words.includes('three') ? 3 : words.includes('two') ? 2 : 1;
      expect(size ?? 'medium', caption).toBe(scene.layout === 'single' ? scene.size : 'medium');
      if (!caption.includes('green field'))
        expect(paint, caption).toBe(scene.layout === 'single' ? scene.paint : undefined);
      expect(count, caption).toBe(labelsOf(scene).count);
    }
  });

  it('says the same scene in many ways, mostly with its place', () => {
    const scene: Scene = { layout: 'single', object: 0, size: 'medium', place: 'snow', time: 'night' };
    const random = seededRandom(3);
    const captions = Array.from({ length: 2000 }, () => captionOf(scene, random));
    expect(new Set(captions).size).toBeGreaterThan(30);
    expect(captions).toContain('a fox in the snow at night');
    const placed = captions.filter((c) => readCaption(c).place === 'snow').length / captions.length;
    expect(placed).toBeGreaterThan(0.8);
    expect(placed).toBeLessThan(0.95);
  });

  it('uses no word that the card of the model does not tell', () => {
    const words = captionWords();
    const used = new Set(drawn.flatMap(({ caption }) => caption.split(/[ ,]+/)));
    expect([...used].filter((word) => !words.includes(word))).toEqual([]);
    const card = JSON.parse(readFileSync('models/darkroom-mini.darkroom.json', 'utf8')) as { vocabulary: string[] };
    expect(card.vocabulary).toEqual(words);
  });

  it('chooses articles by sound', () => {
    expect(['owl', 'unicorn', 'umbrella', 'fox'].map(withArticle)).toEqual([
      'an owl',
      'a unicorn',
      'an umbrella',
      'a fox',
    ]);
  });
});
