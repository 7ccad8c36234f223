/** cpu: control units on a tiny random model: what they change, when, and what is refused. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { PixelImage } from '#core/image';
import { encodeModel } from '#formats/onnx-proto';
import { input, sub } from '#graph/build';
import { symbol } from '#graph/dim';
import { closeGraph } from '#graph/value';
import { lowerGraph } from '#onnx/lower';
import type { ControlUnit } from '#pipelines/control/unit';
import { createPictureEngine } from '#pipelines/engine';
import {
  type ControlPictures,
  type GenerateEvent,
  type GenerateRequest,
  generateSchema,
  type PictureEngine,
} from '#pipelines/request';
import { settingsOfInfotext } from '#pipelines/settings/index';
import { parseInfotext } from '#prompt/infotext';
import { annotatorFinder } from '#studio/library/controls';
import { faceNetworkFinder } from '#studio/library/faces';
import { modelOpener } from '#studio/library/open-model';

const fixture = (path: string): string => fileURLToPath(new URL(`../goldens/data/models/${path}`, import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'darkroom-control-'));
let engine: PictureEngine;

const files = {
  'ControlNet/canny.safetensors': 'tiny-controlnet/tiny-controlnet-original.safetensors',
  'ControlNet/canny-diffusers.safetensors': 'tiny-controlnet/diffusion_pytorch_model.safetensors',
  'ControlNet/xl.safetensors': 'tiny-controlnet-xl/diffusion_pytorch_model.safetensors',
  'ControlNet/lora.safetensors': 'adapters/lora_kohya.safetensors',
  't2i_adapter/sketch.safetensors': 'tiny-t2i-adapter/tiny-t2i-adapter-original.safetensors',
  'ipadapter/plain.bin': 'tiny-ip-adapter/ip-adapter_tiny.bin',
  'ipadapter/plus.safetensors': 'tiny-ip-adapter/ip-adapter-plus_tiny.safetensors',
  'clip_vision/tiny/model.safetensors': 'tiny-ip-adapter/image_encoder/model.safetensors',
  'clip_vision/tiny/config.json': 'tiny-ip-adapter/image_encoder/config.json',
} as const;

/** An annotator that turns a picture of any size into its negative. */
function negativeOnnx(): Uint8Array {
  const shape = [1, 3, symbol('height'), symbol('width')];
  const graph = closeGraph('negative', { hint: sub(1, input('picture', 'f32', shape)) });
  return encodeModel(lowerGraph(graph, { target: 'cpu', attention: 'fused' }).model);
}

/** A restorer of faces of so many pixels that turns values in -1..1 round. */
function roundOnnx(side: number): Uint8Array {
  const graph = closeGraph('round', { output: sub(0, input('input', 'f32', [1, 3, side, side])) });
  return encodeModel(lowerGraph(graph, { target: 'cpu', attention: 'fused' }).model);
}

beforeAll(() => {
  mkdirSync(join(root, 'facerestore_models'));
  writeFileSync(join(root, 'facerestore_models/GFPGANv1.4.onnx'), roundOnnx(16));
  writeFileSync(join(root, 'facerestore_models/GPEN-32.onnx'), roundOnnx(32));
  for (const [to, from] of Object.entries(files)) {
    mkdirSync(join(root, to, '..'), { recursive: true });
    cpSync(fixture(from), join(root, to));
  }
  mkdirSync(join(root, 'annotators'));
  writeFileSync(join(root, 'annotators/negative.onnx'), negativeOnnx());
  writeFileSync(join(root, 'annotators/odd.onnx'), negativeOnnx());
  writeFileSync(join(root, 'annotators/odd.json'), JSON.stringify({ range: 'loud' }));
  engine = createPictureEngine({
    backend: createOrtNodeBackend({ device: 'cpu', threads: 1 }),
    openModel: modelOpener([root]),
    findAnnotator: annotatorFinder([root]),
    findFaceNetworks: faceNetworkFinder([root]),
    drawSeed: () => 1,
    memory: { limit: () => 1e12, total: 1e12 },
  });
});
afterAll(async () => {
  await engine.dispose();
  rmSync(root, { recursive: true });
});

/** A white disc on black, or of another grey. */
function disc(light = 255, side = 40): PixelImage {
  const data = new Uint8Array(3 * side * side);
  for (let i = 0; i < side * side; i++) {
    const inside = Math.hypot((i % side) - side / 2, Math.floor(i / side) - side / 2) < side / 3;
    if (inside) data.fill(light, 3 * i, 3 * i + 3);
  }
  return { width: side, height: side, channels: 3, data };
}

interface Drawn {
  readonly pixels: readonly number[];
  readonly infotext: string;
  readonly warnings: readonly string[];
}

type Unit = Partial<ControlUnit> & ControlPictures;

function requestOf(units: readonly Unit[], fields: object): GenerateRequest {
  const controls = units.map(({ image: _image, mask: _mask, ...unit }) => unit);
  const request = generateSchema.parse({
    model: fixture('tiny-sd1'),
    prompt: 'a fox',
    steps: 2,
    seed: 5,
    sampler: 'Euler',
    controls,
    ...fields,
  });
  const controlPictures = units.map(({ image, mask }) => ({ image, mask }));
  return { ...request, ...fields, width: 16, height: 16, controlPictures };
}

async function draw(units: readonly Unit[], fields: object = {}): Promise<Drawn> {
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(requestOf(units, fields))) events.push(event);
  const image = events.find((event) => event.type === 'image')!;
  const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  return { pixels: [...image.image.data], infotext: image.infotext, warnings };
}

const furthest = (a: Drawn, b: Drawn): number =>
  a.pixels.reduce((most, v, i) => Math.max(most, Math.abs(v - b.pixels[i]!)), 0);

const canny: Unit = { module: 'canny', model: 'canny', image: disc(), resolution: 64 };

describe('restoring faces', () => {
  it('draws the finished picture’s anew by an ONNX file, and goes on without one, with a word', async () => {
    const plain = await draw([]);
    const faces = await draw([], { restoreFaces: true, faceRestorer: 'gfpgan' });
    // A picture of the restorer's size is a face, as nothing here finds faces.
    for (const [i, value] of plain.pixels.entries()) expect(Math.abs(255 - value - faces.pixels[i]!)).toBeLessThan(2);
    expect([faces.warnings, faces.infotext]).toEqual([[], expect.stringContaining('Face restoration: GFPGANv1.4,')]);
    const without = await draw([], { restoreFaces: true });
    expect(without.pixels).toEqual(plain.pixels);
    expect(without.infotext).toBe(plain.infotext);
    expect(without.warnings).toEqual([
      expect.stringMatching(
        /^Restoring faces is left out: There is no restorer of faces "CodeFormer"; there are GFPGANv1\.4/,
      ),
    ]);
    // What turns out to be wrong when the picture is there does not take it away.
    const kept = await draw([], { restoreFaces: true, faceRestorer: 'gpen', faceFidelity: 0.7 });
    expect(kept.warnings).toEqual([expect.stringMatching(/^Restoring faces is left out: .* 32 x 32; the picture is/)]);
    expect([kept.pixels, kept.infotext]).toEqual([plain.pixels, plain.infotext]);
  });
});

describe('a ControlNet', () => {
  it('changes the picture, by its hint and weight, and not at weight 0', async () => {
    const plain = await draw([]);
    const [whole, half, other, none] = [
      await draw([canny]),
      await draw([{ ...canny, weight: 0.5 }]),
      await draw([{ ...canny, module: 'none' }]),
      await draw([{ ...canny, weight: 0 }]),
    ];
    for (const drawn of [whole, half, other]) expect(furthest(drawn, plain)).toBeGreaterThan(2);
    expect(furthest(half, whole)).toBeGreaterThan(0);
    expect(furthest(other, whole)).toBeGreaterThan(0);
    expect(furthest(none, plain)).toBe(0);
    expect(none.infotext).not.toContain('ControlNet');
    expect(none.warnings).toEqual(['Control unit 0 is left out: its weight is 0.']);
    expect(furthest(await draw([]), plain)).toBe(0);
  });

  it('is the same under original and diffusers names, and adds up with another', async () => {
    const one = await draw([{ ...canny, weight: 0.4 }]);
    const named = await draw([{ ...canny, weight: 0.4, model: 'canny-diffusers' }]);
    expect(furthest(named, one)).toBeLessThanOrEqual(1);
    const twice = await draw([
      { ...canny, weight: 0.4 },
      { ...canny, weight: 0.4, model: 'canny-diffusers' },
    ]);
    expect(furthest(twice, await draw([{ ...canny, weight: 0.8 }]))).toBeLessThanOrEqual(1);
  });

  it('acts between its start and end', async () => {
    const [plain, whole] = [await draw([]), await draw([canny])];
    const late = await draw([{ ...canny, start: 0.5 }]);
    const early = await draw([{ ...canny, end: 0.2 }]);
    const never = await draw([{ ...canny, start: 1 }]);
    expect(furthest(never, plain)).toBeLessThanOrEqual(1);
    const made = [plain, whole, late, early].map(({ pixels }) => pixels.join());
    expect(new Set(made).size).toBe(4);
  });

  it('has three modes, ways to resize and a region', async () => {
    const wide: PixelImage = { ...disc(), width: 20, height: 80 };
    const units: Unit[] = [
      { controlMode: 'balanced' },
      { controlMode: 'prompt' },
      { controlMode: 'control' },
      { image: wide, resolution: 64 },
      { image: wide, resolution: 64, resizeMode: 'stretch' },
      { image: wide, resolution: 64, resizeMode: 'fill' },
      { mask: disc() },
      { pixelPerfect: true, image: disc(90, 200) },
      { thresholdA: 255, thresholdB: 255, image: disc(20) },
    ];
    const drawn: string[] = [];
    for (const unit of units) drawn.push((await draw([{ ...canny, ...unit }])).pixels.join());
    expect(new Set(drawn).size).toBe(units.length);
  });

  it('takes the init picture where it has none of its own', async () => {
    const { image: _image, ...unit } = canny;
    const init = disc(255, 16);
    const plain = await draw([], { init });
    const own = await draw([unit], { init });
    expect(furthest(own, plain)).toBeGreaterThan(1);
    expect(furthest(own, await draw([{ ...unit, image: init }], { init }))).toBe(0);
  });

  it('hides what is painted of the init picture from a network that inpaints', async () => {
    const [init, mask] = [disc(255, 16), disc(255, 16)];
    const unit: Unit = { module: 'inpaint_only', model: 'canny' };
    const own = await draw([unit], { init, mask, maskBlur: 0 });
    expect(furthest(own, await draw([{ ...unit, module: 'none' }], { init, mask, maskBlur: 0 }))).toBeGreaterThan(0);
    expect(furthest(own, await draw([{ ...unit, image: init, mask }], { init, mask, maskBlur: 0 }))).toBe(0);
  });

  it.each<[string, object]>([
    ['a second pass', { hires: true, hiresScale: 2, hiresUpscaler: 'Latent' }],
    ['the masked area alone', { init: disc(), mask: disc(), inpaintArea: 'Only masked' }],
    ['other guidance', { pagScale: 2, freeUB1: 1.2, sampler: 'Heun', tiling: true }],
    ['prompts of other lengths', { prompt: 'a fox, '.repeat(40), negativePrompt: 'AND' }],
  ])('goes together with %s', async (_, fields) => {
    const [plain, guided] = [await draw([], fields), await draw([canny], fields)];
    expect(furthest(guided, plain)).toBeGreaterThan(0);
    expect(guided.warnings).toEqual(plain.warnings);
  });

  it('draws a batch as it draws each picture', async () => {
    const request = { batchSize: 2, steps: 2 };
    const events: GenerateEvent[] = [];
    const both = generateSchema.parse({
      ...request,
      model: fixture('tiny-sd1'),
      seed: 5,
      controls: [{ module: 'canny', model: 'canny', controlMode: 'control', resolution: 64 }],
    });
    const given = { width: 16, height: 16, controlPictures: [{ image: disc() }] };
    for await (const event of engine.generate({ ...both, ...given })) events.push(event);
    const images = events.flatMap((event) => (event.type === 'image' ? [event.image] : []));
    const second = generateSchema.parse({ ...both, batchSize: 1, seed: 6 });
    for await (const event of engine.generate({ ...second, ...given })) {
      if (event.type !== 'image') continue;
      const difference = event.image.data.reduce((m, v, i) => Math.max(m, Math.abs(v - images[1]!.data[i]!)), 0);
      expect(difference).toBeLessThanOrEqual(1);
    }
  });

  it('says in the infotext what acted, in the words that are read again', async () => {
    const { infotext } = await draw([{ ...canny, weight: 0.75, end: 0.9, resizeMode: 'fill' }]);
    expect(infotext).toMatch(
      /ControlNet 0: "Module: canny, Model: canny \[[0-9a-f]{8}\], Weight: 0\.75, Resize Mode: Resize and Fill, Processor Res: 64, Threshold A: 100, Threshold B: 200, Guidance Start: 0, Guidance End: 0\.9, Pixel Perfect: False, Control Mode: Balanced"/,
    );
    const { controls } = settingsOfInfotext(parseInfotext(infotext)) as { controls: Unit[] };
    expect(controls).toMatchObject([{ module: 'canny', weight: 0.75, end: 0.9, resizeMode: 'fill' }]);
    const again = await draw([{ ...controls[0], image: disc() }]);
    expect(furthest(again, await draw([{ ...canny, weight: 0.75, end: 0.9, resizeMode: 'fill' }]))).toBe(0);
  });
});

describe('other networks', () => {
  it('T2I adapters guide by features', async () => {
    const plain = await draw([]);
    const sketch: Unit = { module: 'scribble_xdog', model: 'sketch', image: disc(), resolution: 64 };
    const [whole, soft] = [await draw([sketch]), await draw([{ ...sketch, controlMode: 'prompt' }])];
    expect(furthest(whole, plain)).toBeGreaterThan(1);
    expect(furthest(soft, whole)).toBeGreaterThan(0);
    expect(furthest(await draw([{ ...sketch, start: 1 }]), plain)).toBeLessThanOrEqual(1);
  });

  it.each(['plain', 'plus'])('IP adapters (%s) read the picture through their vision encoder', async (model) => {
    const plain = await draw([]);
    const unit: Unit = { module: 'ip-adapter_clip_h', model, image: disc() };
    const [light, dark] = [await draw([unit]), await draw([{ ...unit, image: disc(30) }])];
    expect(furthest(light, plain)).toBeGreaterThan(0);
    expect(furthest(light, dark)).toBeGreaterThan(0);
    const together = await draw([unit, canny, { ...unit, image: disc(30), weight: 0.5 }]);
    expect(furthest(together, light)).toBeGreaterThan(0);
  });

  it('a reference needs none, and keeps to it by its fidelity', async () => {
    const plain = await draw([]);
    const unit: Unit = { module: 'reference_only', image: disc() };
    const [half, close] = [await draw([unit]), await draw([{ ...unit, thresholdA: 1 }])];
    expect(furthest(half, plain)).toBeGreaterThan(0);
    expect(furthest(close, half)).toBeGreaterThan(0);
    expect(furthest(await draw([{ ...unit, start: 1 }]), plain)).toBeLessThanOrEqual(1);
    const all = await draw([unit, canny, { module: 'ip-adapter_clip_h', model: 'plain', image: disc() }], {
      pagScale: 2,
    });
    expect(furthest(all, half)).toBeGreaterThan(0);
  });

  it('of the user’s own make the hint, as ONNX files', async () => {
    const own = await draw([{ ...canny, module: 'negative' }]);
    const inverted = await draw([{ ...canny, module: 'invert' }]);
    expect(furthest(own, inverted)).toBeLessThanOrEqual(2);
    expect(furthest(own, await draw([]))).toBeGreaterThan(2);
  });
});

describe('what cannot act is refused by name', () => {
  it.each<[string, Unit, RegExp]>([
    [
      'another family’s',
      { ...canny, model: 'xl' },
      /a ControlNet for another model .* the model is Stable Diffusion 1/,
    ],
    ['a LoRA', { ...canny, model: 'lora' }, /this is a LoRA.*; expected a ControlNet, a T2I adapter or an IP adapter/],
    ['a missing model', { ...canny, model: 'depth' }, /^Control unit 0: there is no control model "depth"/],
    ['no model', { module: 'canny', image: disc() }, /^Control unit 0 has no model/],
    ['no picture', { module: 'canny', model: 'canny' }, /^Control unit 0 has no picture/],
    [
      'an unknown module',
      { ...canny, module: 'openpose' },
      /There is no module "openpose"; known are none, invert, canny/,
    ],
    ['no mask', { ...canny, module: 'inpaint_only' }, /inpaint_only needs a mask/],
    [
      'a module of others',
      { ...canny, module: 'ip-adapter_clip_h' },
      /is for IP adapters; canny \[[0-9a-f]{8}\] is a controlnet/,
    ],
    ['settings that are none', { ...canny, module: 'odd' }, /^odd\.json: range: /],
  ])('%s', async (_, unit, sentence) => {
    await expect(draw([unit])).rejects.toThrow(sentence);
  });

  it('and what has no effect is told', async () => {
    const { warnings } = await draw([
      { module: 'canny', model: 'plain', image: disc(), controlMode: 'control', mask: disc() },
      { ...canny, module: 'invert', thresholdA: 3 },
    ]);
    expect(warnings).toEqual([
      expect.stringMatching(/^Control unit 0: its mask has no effect/),
      expect.stringMatching(/^Control unit 0: controlMode has no effect/),
      expect.stringMatching(/^Control unit 0: the module canny has no effect; an IP adapter reads the picture itself/),
      expect.stringMatching(/^Control unit 1: thresholdA has no effect; invert reads no such number/),
    ]);
  });
});

it('the plan of memory counts control networks', async () => {
  const peak = async (units: readonly Unit[]): Promise<number> => (await engine.estimate!(requestOf(units, {})))!.peak;
  const plain = await peak([]);
  const one = await peak([canny]);
  expect(one).toBeGreaterThan(plain);
  expect(await peak([canny, { ...canny, model: 'canny-diffusers' }])).toBeGreaterThan(one);
});
