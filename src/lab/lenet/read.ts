/** Asking a trained network for the digits in pictures, many at a time. */

import { f32 } from '#core/tensor';
import type { Backend, Session } from '#engine/backend';
import { input } from '#graph/build';
import { closeGraph } from '#graph/value';
import { Scope } from '#models/nn/scope';
import type { Weights } from '#training/loop';
import { classes, type Digits, pixels, side } from '../data/digits.ts';
import { type DigitNetwork, featureWidth } from './network.ts';

export interface Read {
  /** [count] */
  readonly answers: Uint8Array;
  /** [count, 10] */
  readonly scores: Float32Array;
  /** [count, 84] */
  readonly features: Float32Array;
}

const batch = 100;

export class DigitReader {
  readonly network: DigitNetwork;
  readonly #session: Session;

  private constructor(network: DigitNetwork, session: Session) {
    this.network = network;
    this.#session = session;
  }

  static async open(backend: Backend, network: DigitNetwork, weights: Weights, threads?: number): Promise<DigitReader> {
    const { scores, features } = network.build(new Scope(), input('picture', 'f32', [batch, 1, side, side]));
    const graph = closeGraph(network.name, { scores, features });
    const source = {
      get(name: string) {
        const tensor = weights.get(name);
        return tensor && ({ kind: 'memory', tensor } as const);
      },
    };
    return new DigitReader(network, await backend.compile(graph, { weights: source, threads }));
  }

  /** Pictures [count, 28, 28], 0 the paper and 1 the ink. */
  async read(pictures: Float32Array): Promise<Read> {
    const count = pictures.length / pixels;
    const scores = new Float32Array(count * classes);
    const features = new Float32Array(count * featureWidth);
    const padded = new Float32Array(batch * pixels);
    for (let from = 0; from < count; from += batch) {
      const part = pictures.subarray(from * pixels, (from + batch) * pixels);
      padded.fill(0).set(part);
      const out = await this.#session.run({ picture: f32([batch, 1, side, side], padded) });
      const here = part.length / pixels;
      scores.set((out.scores!.data as Float32Array).subarray(0, here * classes), from * classes);
      features.set((out.features!.data as Float32Array).subarray(0, here * featureWidth), from * featureWidth);
    }
    const answers = Uint8Array.from({ length: count }, (_, n) =>
      largest(scores.subarray(n * classes, (n + 1) * classes)),
    );
    return { answers, scores, features };
  }

  dispose(): Promise<void> {
    return this.#session.dispose();
  }
}

function largest(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

/** Bytes of ink as shares of it. */
export function inkOf({ images }: Digits): Float32Array {
  return Float32Array.from(images, (byte) => byte / 255);
}

export interface Test {
  readonly count: number;
  readonly right: number;
  /** [10][10]: how many of each digit (row) were read as which. */
  readonly confusion: readonly (readonly number[])[];
}

/** Reads digits whose answers are known. */
export async function testReader(reader: DigitReader, digits: Digits): Promise<Test> {
  const { answers } = await reader.read(inkOf(digits));
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  answers.forEach((answer, n) => {
    confusion[digits.labels[n]!]![answer]! += 1;
  });
  return { count: digits.count, right: confusion.reduce((sum, row, i) => sum + row[i]!, 0), confusion };
}
