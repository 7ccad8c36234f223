/** Backgrounds: one painter a place, lit by the time of day. */

import { type Canvas, type Colour, lit } from './canvas.ts';
import type { Place, TimeOfDay } from './catalog.ts';
import type { SceneRandom } from './scene.ts';

interface Light {
  readonly sky: readonly (readonly [number, Colour])[];
  /** Factors on the colours of things on the ground. */
  readonly ground: Colour;
  /** Factors on the colours of objects: never so dark that they are lost. */
  readonly object: Colour;
}

export const lights: Readonly<Record<TimeOfDay, Light>> = {
  day: {
    sky: [
      [0, [74, 160, 240]],
      [0.7, [190, 228, 252]],
    ],
    ground: [1, 1, 1],
    object: [1, 1, 1],
  },
  sunset: {
    sky: [
      [0, [106, 62, 140]],
      [0.35, [238, 108, 92]],
      [0.65, [255, 196, 96]],
    ],
    ground: [0.92, 0.66, 0.6],
    object: [1, 0.9, 0.86],
  },
  night: {
    sky: [
      [0, [10, 14, 48]],
      [0.7, [40, 54, 112]],
    ],
    ground: [0.3, 0.36, 0.56],
    object: [0.82, 0.85, 0.95],
  },
};

interface Painter {
  /** Where sky meets land, relative height. */
  readonly horizon: number;
  paint(canvas: Canvas, horizon: number, light: Colour, random: SceneRandom): void;
}

/** A smooth curve of two waves with random phases around a height. */
function hills(random: SceneRandom, height: number, amplitude: number, waves: number): (x: number) => number {
  const [p, q] = [random.uniform() * 6.28, random.uniform() * 6.28];
  return (x) =>
    height - amplitude * (0.6 * Math.sin(waves * 6.28 * x + p) + 0.4 * Math.sin(waves * 2.3 * 6.28 * x + q));
}

/** A zigzag with `peaks` peaks of random heights. */
function zigzag(random: SceneRandom, height: number, rise: number, peaks: number): (x: number) => number {
  const shift = random.uniform();
  const tops = Array.from({ length: peaks + 2 }, () => rise * (0.65 + 0.35 * random.uniform()));
  return (x) => {
    const t = x * peaks + shift;
    return height - tops[Math.floor(t)]! * (1 - Math.abs(2 * (t % 1) - 1));
  };
}

const painters: Readonly<Record<Place, Painter>> = {
  meadow: {
    horizon: 0.6,
    paint(canvas, horizon, light, random) {
      canvas.below(hills(random, horizon - 0.03, 0.05, 1), lit([120, 190, 90], light));
      canvas.below(hills(random, horizon + 0.05, 0.03, 1), lit([96, 176, 66], light), lit([60, 138, 44], light));
      for (let i = 0; i < 14; i++) {
        const colour = (
          [
            [255, 240, 120],
            [255, 255, 255],
            [250, 150, 180],
          ] as const
        )[random.integer(3)]!;
        const y = horizon + 0.12 + random.uniform() * (0.86 - horizon);
        canvas.ellipse(random.uniform(), y, 0.011, 0.011, lit(colour, light));
      }
    },
  },
  beach: {
    horizon: 0.48,
    paint(canvas, horizon, light, random) {
      canvas.below(() => horizon, lit([38, 150, 200], light), lit([70, 190, 210], light));
      const shore = hills(random, horizon + 0.18, 0.02, 0.8);
      canvas.below((x) => shore(x) - 0.02, lit([236, 248, 250], light));
      canvas.below(shore, lit([246, 222, 160], light), lit([232, 196, 124], light));
    },
  },
  desert: {
    horizon: 0.56,
    paint(canvas, horizon, light, random) {
      canvas.below(hills(random, horizon, 0.06, 0.7), lit([226, 160, 84], light));
      canvas.below(hills(random, horizon + 0.14, 0.05, 0.9), lit([238, 178, 98], light), lit([214, 142, 66], light));
      canvas.below(hills(random, horizon + 0.3, 0.03, 0.6), lit([222, 152, 74], light), lit([196, 122, 52], light));
    },
  },
  snow: {
    horizon: 0.58,
    paint(canvas, horizon, light, random) {
      canvas.below(hills(random, horizon - 0.02, 0.05, 0.8), lit([206, 222, 240], light));
      canvas.below(hills(random, horizon + 0.06, 0.03, 0.8), lit([248, 251, 255], light), lit([222, 234, 248], light));
      for (let i = 0; i < 36; i++)
        canvas.ellipse(random.uniform(), random.uniform(), 0.009, 0.009, [255, 255, 255], 0.9);
    },
  },
  sea: {
    horizon: 0.5,
    paint(canvas, horizon, light, random) {
      canvas.below(() => horizon, lit([26, 110, 180], light), lit([10, 60, 130], light));
      for (let row = 0; row < 4; row++) {
        const y = horizon + 0.08 + row * 0.11;
        for (let i = 0; i < 4; i++) {
          canvas.ellipse(
            (i + random.uniform()) / 4,
            y + 0.03 * random.uniform(),
            0.07,
            0.006,
            lit([150, 205, 240], light),
            0.8,
          );
        }
      }
    },
  },
  forest: {
    horizon: 0.62,
    paint(canvas, horizon, light, random) {
      canvas.below(zigzag(random, horizon, 0.44, 7), lit([46, 110, 74], light), lit([30, 84, 54], light));
      canvas.below(zigzag(random, horizon + 0.06, 0.32, 5), lit([30, 86, 52], light), lit([20, 62, 38], light));
      canvas.below(hills(random, horizon + 0.08, 0.02, 1), lit([92, 112, 52], light), lit([66, 84, 36], light));
    },
  },
  mountains: {
    horizon: 0.64,
    paint(canvas, horizon, light, random) {
      const ridge = zigzag(random, horizon, 0.46, 3);
      canvas.below(ridge, lit([240, 246, 252], light));
      canvas.below((x) => Math.max(ridge(x), horizon - 0.26 + 0.03 * Math.sin(60 * x)), lit([120, 126, 150], light));
      canvas.below(hills(random, horizon + 0.02, 0.02, 1), lit([112, 158, 96], light), lit([76, 122, 66], light));
    },
  },
  city: {
    horizon: 0.72,
    paint(canvas, horizon, light, random) {
      const colours = [
        [120, 134, 164],
        [96, 108, 142],
        [150, 120, 120],
        [134, 146, 170],
      ] as const;
      const window: Colour = light[0] < 0.5 ? [255, 222, 120] : lit([210, 232, 246], light);
      for (let x = -0.02; x < 1; ) {
        const width = 0.12 + 0.07 * random.uniform();
        const top = horizon - 0.24 - 0.34 * random.uniform();
        canvas.rectangle(x, top, x + width, 1, lit(colours[random.integer(4)]!, light));
        for (let wy = top + 0.03; wy < horizon - 0.04; wy += 0.07) {
          for (let wx = x + 0.02; wx < x + width - 0.03; wx += 0.05)
            canvas.rectangle(wx, wy, wx + 0.025, wy + 0.035, window);
        }
        x += width + 0.008;
      }
      canvas.below(() => horizon, lit([110, 112, 120], light), lit([84, 86, 94], light));
      for (let i = 0; i < 5; i++)
        canvas.rectangle(i * 0.22 + 0.03, 0.86, i * 0.22 + 0.14, 0.88, lit([240, 236, 200], light));
    },
  },
};

function celestial(canvas: Canvas, time: TimeOfDay, horizon: number, random: SceneRandom): void {
  const x = random.uniform() < 0.5 ? 0.1 + 0.12 * random.uniform() : 0.78 + 0.12 * random.uniform();
  if (time === 'night') {
    for (let i = 0; i < 40; i++) {
      const r = 0.004 + 0.005 * random.uniform();
      canvas.ellipse(random.uniform(), random.uniform() * horizon, r, r, [255, 255, 240], 0.95);
    }
    canvas.ellipse(x, 0.15, 0.07, 0.07, [246, 240, 208]);
  } else if (time === 'sunset') {
    canvas.ellipse(x, horizon - 0.04, 0.2, 0.2, [255, 226, 150], 0.35, 12);
    canvas.ellipse(x, horizon - 0.04, 0.1, 0.1, [255, 240, 190]);
  } else {
    canvas.ellipse(x, 0.14, 0.075, 0.075, [255, 226, 92]);
    for (let i = 0; i < 2; i++) {
      const [cx, cy] = [random.uniform(), 0.1 + 0.16 * random.uniform()];
      for (const [dx, r] of [
        [-0.05, 0.03],
        [0, 0.042],
        [0.05, 0.03],
      ] as const) {
        canvas.ellipse(cx + dx, cy, r * 1.3, r, [255, 255, 255], 0.9);
      }
    }
  }
}

/** Paints sky, sun or moon, and the land of a place. */
export function paintBackground(canvas: Canvas, place: Place, time: TimeOfDay, random: SceneRandom): void {
  const painter = painters[place];
  const horizon = painter.horizon + 0.06 * (random.uniform() - 0.5);
  canvas.sky(lights[time].sky);
  celestial(canvas, time, horizon, random);
  painter.paint(canvas, horizon, lights[time].ground, random);
}
