/** unit: where faces are, how they are taken out and put back. Networks are stand-ins. */

import { describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor } from '#core/tensor';
import type { Backend, ForeignPort, ForeignSession } from '#engine/backend';
import { applied, cropOf, type Point, toCrop, withCrop } from './alignment.ts';
import { detectFaces } from './detector.ts';
import { restoreFaces } from './restore.ts';

/** Eyes, nose, mouth as facexlib's template of 512 has them, near enough to tell. */
const template: readonly Point[] = [
  [192.98138, 239.94708],
  [318.90277, 240.1936],
  [256.63416, 314.01935],
  [201.26117, 371.41043],
  [313.08905, 371.15118],
];

function picture(width: number, height: number, channels: 3 | 4 = 3): PixelImage {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => 128 + 100 * Math.sin(i / 97));
  return { width, height, channels, data };
}

const portOf = (name: string, shape: ForeignPort['shape'], dtype: ForeignPort['dtype'] = 'f32'): ForeignPort => ({
  name,
  dtype,
  shape,
});

describe('alignment', () => {
  it('finds the turn, size and place that bring five points to their template', () => {
    // Half as large, turned by 30 degrees, moved.
    const [c, s] = [Math.cos(Math.PI / 6) / 2, Math.sin(Math.PI / 6) / 2];
    const points = template.map(([x, y]): Point => [c * x - s * y + 300, s * x + c * y + 40]);
    const similarity = toCrop(points, 512);
    expect(Math.hypot(similarity.a, similarity.b)).toBeCloseTo(2, 6);
    for (const [i, point] of points.entries()) {
      const [x, y] = applied(similarity, point);
      expect([x, y]).toEqual([expect.closeTo(template[i]![0], 6), expect.closeTo(template[i]![1], 6)]);
    }
    expect(applied(toCrop(points, 256), points[0]!)[0]).toBeCloseTo(template[0]![0] / 2, 6);
  });

  it('takes a crop out and puts it back where it was', () => {
    const image = picture(96, 80);
    const points = template.map(([x, y]): Point => [x / 8 + 17, y / 8 + 9]);
    const similarity = toCrop(points, 64);
    const crop = cropOf(image, similarity, 64);
    expect([...crop.data.slice(0, 3)]).toEqual([...image.data.slice(3 * (9 * 96 + 17), 3 * (9 * 96 + 17) + 3)]);
    expect(withCrop(image, crop, similarity, 1).data).toEqual(image.data);
    const white = { ...crop, data: crop.data.map(() => 255) };
    const pasted = withCrop(image, white, similarity, 0.5);
    const at = (x: number, y: number): number => 3 * (y * 96 + x);
    expect(pasted.data[at(50, 40)]).toBe(Math.round((image.data[at(50, 40)]! + 255) / 2));
    expect(pasted.data[at(2, 40)]).toBe(image.data[at(2, 40)]);
  });
});

/** A YuNet of 64 x 64 that sees faces at cells of its finest stride. */
function detector(cells: readonly (readonly [cell: number, score: number])[]): ForeignSession & { fed: HostTensor[] } {
  const fed: HostTensor[] = [];
  const outputs: ForeignPort[] = [];
  const answers: Record<string, HostTensor> = {};
  for (const stride of [8, 16, 32]) {
    const count = (64 / stride) ** 2;
    for (const [kind, width] of [
      ['cls', 1],
      ['obj', 1],
      ['bbox', 4],
      ['kps', 10],
    ] as const) {
      const data = new Float32Array(count * width);
      if (stride === 8 && width === 1) for (const [cell, score] of cells) data[cell] = score;
      // Two cells wide and three high; points spread around the middle.
      if (width === 4) for (let i = 0; i < count; i++) data.set([0.5, 0.5, Math.log(2), Math.log(3)], 4 * i);
      if (width === 10) for (let i = 0; i < count; i++) data.set([0, 0, 1, 0, 0.5, 0.6, 0.1, 1, 0.9, 1], 10 * i);
      outputs.push(portOf(`${kind}_${stride}`, [1, count, width]));
      answers[`${kind}_${stride}`] = f32([1, count, width], data);
    }
  }
  const run = async (feeds: Readonly<Record<string, HostTensor>>) => {
    fed.push(feeds.input!);
    return answers;
  };
  return { fed, inputs: [portOf('input', [1, 3, 64, 64])], outputs, run, dispose: async () => {} };
}

describe('detection', () => {
  it('reads boxes and points of YuNet, in pixels of the picture, one for each face', async () => {
    // Cell 18 is column 2, row 2; its neighbour sees the same face less surely, cell 54 another one.
    const session = detector([
      [18, 0.9],
      [19, 0.8],
      [54, 0.7],
      [0, 0.5],
    ]);
    const faces = await detectFaces(session, 'yunet', picture(128, 64));
    expect(faces.map(({ score }) => score)).toEqual([expect.closeTo(0.9, 5), expect.closeTo(0.7, 5)]);
    // 128 x 64 goes in at half its size: a cell is 16 pixels.
    expect(faces[0]!.box).toEqual({
      x: expect.closeTo(24, 4),
      y: expect.closeTo(16, 4),
      width: expect.closeTo(32, 4),
      height: expect.closeTo(48, 4),
    });
    expect(faces[0]!.points[1]).toEqual([48, 32]);
    // BGR bytes, nothing below the picture.
    const plain = { ...picture(128, 64), data: picture(128, 64).data.map((_, i) => [10, 20, 30][i % 3]!) };
    await detectFaces(session, 'yunet', plain);
    const { data } = session.fed[1]!;
    expect([data[0], data[64 * 64], data[2 * 64 * 64], data[64 * 40]]).toEqual([30, 20, 10, 0]);
  });

  it('names another network', async () => {
    const other = { ...detector([]), outputs: [portOf('boxes', [1, 4])] };
    await expect(detectFaces(other, 'scrfd', picture(8, 8))).rejects.toThrow(
      'scrfd is no YuNet (outputs cls_8 to kps_32): it gives boxes.',
    );
  });
});

describe('restoring', () => {
  const dark = (side: number, extra: ForeignPort[] = []) => {
    const fed: Record<string, HostTensor>[] = [];
    const session = {
      inputs: [portOf('input', [1, 3, side, side]), ...extra],
      outputs: [],
      run: async (feeds: Record<string, HostTensor>) => {
        fed.push(feeds);
        return { output: f32([1, 3, side, side], new Float32Array(3 * side * side).fill(-1)) };
      },
      dispose: async () => {},
    };
    return { fed, session };
  };
  const backendOf = (sessions: Record<string, unknown>) =>
    ({ name: 'cpu', openOnnx: async (path: string) => sessions[path] }) as unknown as Backend;
  const restorer = { name: 'codeformer', path: 'r' };
  const yunet = { name: 'yunet', path: 'd' };

  it('draws each face anew and leaves the rest, at the fidelity that the network asks for', async () => {
    const { fed, session } = dark(32, [portOf('weight', [1], 'f64')]);
    const image = picture(64, 64, 4);
    const backend = backendOf({ r: session, d: detector([[27, 0.9]]) });
    const settings = { visibility: 1, fidelity: 0.7 };
    const made = await restoreFaces(backend, { restorer, detector: yunet }, image, settings);
    expect(made.faces).toBe(1);
    expect([fed[0]!.weight!.dtype, [...fed[0]!.weight!.data]]).toEqual(['f64', [0.7]]);
    // Cell 27 is column 3, row 3: its face lies around (28, 28).
    const at = (x: number, y: number): number => 4 * (y * 64 + x);
    expect([...made.image.data.slice(at(28, 28), at(28, 28) + 4)]).toEqual([0, 0, 0, image.data[at(28, 28) + 3]]);
    expect(made.image.data.slice(at(60, 60), at(60, 60) + 4)).toEqual(image.data.slice(at(60, 60), at(60, 60) + 4));
    const none = backendOf({ r: session, d: detector([]) });
    const same = await restoreFaces(none, { restorer, detector: yunet }, image, settings);
    expect([same.faces, same.image.data]).toEqual([0, image.data]);
  });

  it('takes a picture of its size for a face where nothing finds faces, and says so otherwise', async () => {
    const backend = backendOf({ r: dark(32).session });
    const networks = { restorer, detector: undefined };
    const settings = { visibility: 0.5, fidelity: 0 };
    const { image } = await restoreFaces(backend, networks, picture(32, 32), settings);
    expect(image.data[300]).toBe(Math.round(picture(32, 32).data[300]! / 2));
    await expect(restoreFaces(backend, networks, picture(40, 32), settings)).rejects.toThrow(
      /needs to know where faces are: put a YuNet .*, or give the crop of one face, 32 x 32; the picture is 40 x 32\.$/,
    );
  });

  it('names a network that restores nothing', async () => {
    const odd = { ...dark(32).session, inputs: [portOf('tokens', [1, 77], 'i64')] };
    await expect(
      restoreFaces(backendOf({ r: odd }), { restorer, detector: undefined }, picture(32, 32), {
        visibility: 1,
        fidelity: 0,
      }),
    ).rejects.toThrow(/^codeformer takes tokens i64\[1,77\]; a restorer takes a square picture/);
  });
});
