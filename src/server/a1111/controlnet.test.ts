/** sd-webui-controlnet's API as its clients use it, over the engine that draws without a model. */

import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePixels, encodeImage } from '#studio/images/codec';
import { picture } from '../../../test/fixtures/fake-engine.ts';
import { type Answered, startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';

const fixture = new URL('../../../test/goldens/data/models/tiny-controlnet/', import.meta.url);
let server: TestServer;
let image: string;

beforeAll(async () => {
  server = await startTestServer();
  const folder = join(server.root, 'models/ControlNet');
  mkdirSync(folder, { recursive: true });
  const from = fileURLToPath(new URL('tiny-controlnet-original.safetensors', fixture));
  cpSync(from, join(folder, 'control_v11p_sd15_canny.safetensors'));
  await server.studio.library.refresh();
  image = Buffer.from(await encodeImage(picture({ width: 64, height: 64 }, 3), 'png')).toString('base64');
});
afterAll(async () => await server.dispose());

const model = 'control_v11p_sd15_canny [d14c016b]';

async function drawn(args: unknown, fields: object = {}, tab = 'txt2img'): Promise<Answered> {
  const body = { steps: 1, width: 64, height: 64, alwayson_scripts: { ControlNet: { args } }, ...fields };
  return await server.json('POST', `/sdapi/v1/${tab}`, body);
}

async function lastJob() {
  return (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!;
}

describe('units in requests', () => {
  it.each<[string, (of: string) => unknown[], object]>([
    ['an object', (of) => [{ enabled: true, module: 'canny', model, image: of, weight: 0.5 }], { weight: 0.5 }],
    ['one that does not say it is on', (of) => [{ module: 'canny', model, input_image: of }], {}],
    [
      '"enabled": "true"',
      (of) => [{ enabled: 'true', module: 'canny', model, image: of, guidance: 0.8 }],
      { end: 0.8 },
    ],
    [
      'numbers for modes and -1 for numbers',
      (of) => [
        { enabled: 1, module: 'canny', model, image: { image: of }, control_mode: 2, resize_mode: 0, threshold_a: -1 },
      ],
      { controlMode: 'control', resizeMode: 'stretch' },
    ],
    [
      'titles',
      (of) =>
        [
          {
            module: 'canny',
            model,
            image: [of],
            control_mode: 'My prompt is more important',
            resize_mode: 'ResizeMode.OUTER_FIT',
            pixel_perfect: true,
            threshold_a: 50,
            lowvram: true,
            guidance_start: 0.1,
            processor_res: 256,
          },
        ].map((unit) => ({ ...unit, resize_mode: 'Envelope (Outer Fit)' })),
      {
        controlMode: 'prompt',
        resizeMode: 'fill',
        pixelPerfect: true,
        thresholdA: 50,
        lowMemory: true,
        start: 0.1,
        resolution: 256,
      },
    ],
    [
      'the flat list of older clients',
      (of) => [
        false,
        false,
        true,
        'canny',
        model,
        0.9,
        of,
        false,
        'Scale to Fit (Inner Fit)',
        false,
        false,
        64,
        90,
        210,
        0,
        1,
        false,
      ],
      { weight: 0.9, resizeMode: 'crop', resolution: 64, thresholdA: 90, thresholdB: 210 },
    ],
  ])('%s', async (_, args, expected) => {
    const { images, warnings } = await drawn(args(image));
    const { request, inputs } = await lastJob();
    expect(request.controls).toMatchObject([{ module: 'canny', model: 'control_v11p_sd15_canny', ...expected }]);
    expect(inputs).toEqual(['control-0']);
    expect(warnings).toEqual([]);
    // The picture, and behind it what the module made.
    expect(images).toHaveLength(2);
    const { image: hint } = await decodePixels(Buffer.from(images[1], 'base64'));
    expect(new Set(hint.data)).toEqual(new Set([0, 255]));
  });

  it('several, with masks, in the order of their places', async () => {
    const units = [
      { module: 'reference_only', image, threshold_a: 0.7 },
      { enabled: false, module: 'canny', model: 'gone' },
      { module: 'inpaint_only', model, image: { image, mask: image }, save_detected_map: false },
    ];
    const { images } = await drawn(units);
    const { request, inputs } = await lastJob();
    expect(request.controls).toMatchObject([
      { module: 'reference_only', thresholdA: 0.7 },
      { module: 'inpaint_only', model: 'control_v11p_sd15_canny' },
    ]);
    expect(inputs).toEqual(['control-0', 'control-1', 'control-mask-1']);
    expect(images).toHaveLength(1);
  });

  it('take the init picture in img2img', async () => {
    const unit = { module: 'canny', model };
    expect((await drawn([unit], { init_images: [image] }, 'img2img')).images).toHaveLength(2);
    expect((await lastJob()).inputs).toEqual(['init']);
  });

  it('that are off, or none, ask for nothing', async () => {
    for (const args of [[], [{ enabled: false, module: 'canny' }], [false, false, false, 'canny', model], null]) {
      await drawn(args);
      expect((await lastJob()).request.controls).toEqual([]);
    }
  });

  it('tell what of them has no effect', async () => {
    const { warnings } = await drawn([
      { module: 'canny', model, image, hr_option: 'Low res only', advanced_weighting: [1] },
    ]);
    expect(warnings).toEqual([
      'ControlNet unit 0: hr_option has no effect here.',
      'ControlNet unit 0: advanced_weighting has no effect here.',
    ]);
  });

  it.each<[string, object, number, RegExp]>([
    ['a model that is not there', { module: 'canny', model: 'depth [00000000]' }, 404, /depth/],
    ['an unknown module', { module: 'openpose_full', model }, 422, /no module .*openpose_full/],
    ['no model', { module: 'canny' }, 422, /Control unit 0 has no model/],
    ['no picture', { module: 'canny', model, image: null }, 422, /Control unit 0 has no picture/],
    ['a weight beyond 2', { module: 'canny', model, weight: 3 }, 422, /weight/],
    ['a start after its end', { module: 'canny', model, guidance_start: 0.9, guidance_end: 0.1 }, 422, /start/],
    ['a mode that is none', { module: 'canny', model, control_mode: 'Loud' }, 422, /Loud.* is none of its choices/],
    ['a picture that is none', { module: 'canny', model, image: 'aGVsbG8=' }, 422, /picture|image/i],
  ])('are refused for %s', async (_, unit, status, sentence) => {
    const before = (await server.studio.queue.list()).jobs.length;
    const body = { steps: 1, alwayson_scripts: { controlnet: { args: [{ image, ...unit }] } } };
    const response = await server.call('POST', '/sdapi/v1/txt2img', body);
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(sentence);
    expect((await server.studio.queue.list()).jobs).toHaveLength(before);
  });
});

describe('lists and previews', () => {
  it('tell models by name and hash, modules by their numbers, kinds by both', async () => {
    const get = async (path: string) => await server.json('GET', `/controlnet/${path}`);
    expect(await get('version')).toEqual({ version: 3 });
    expect((await get('settings')).control_net_unit_count).toBeGreaterThanOrEqual(3);
    const { model_list: models } = await get('model_list?update=true');
    expect(models).toEqual(['None', expect.stringMatching(/^control_v11p_sd15_canny \[[0-9a-f]{8}\]$/)]);
    const { module_list: modules, module_detail: details } = await get('module_list');
    expect(modules).toEqual(expect.arrayContaining(['none', 'canny', 'invert', 'reference_only', 'tile_resample']));
    expect(details.canny).toEqual({
      model_free: false,
      sliders: [
        { name: 'Resolution', value: 512, min: 64, max: 2048, step: 8 },
        { name: 'Low threshold', value: 100, min: 1, max: 255, step: 1 },
        { name: 'High threshold', value: 200, min: 1, max: 255, step: 1 },
      ],
    });
    expect(details.tile_resample.sliders).toEqual([null, expect.objectContaining({ name: 'Down sampling rate' })]);
    expect((await get('module_list?alias_names=true')).module_list).toContain('invert (from white bg & black line)');
    const { control_types: kinds } = await get('control_types');
    expect(kinds.Canny).toEqual({
      module_list: ['none', 'invert', 'canny'],
      model_list: models,
      default_option: 'canny',
      default_model: models[1],
    });
    expect(kinds.All.module_list).toEqual(modules);
  });

  it('detect makes hints, one for each picture', async () => {
    const body = { controlnet_module: 'canny', controlnet_input_images: [image, image], controlnet_processor_res: 128 };
    const { info, images } = await server.json('POST', '/controlnet/detect', body);
    expect(info).toBe('Success');
    expect(images).toHaveLength(2);
    expect((await decodePixels(Buffer.from(images[0], 'base64'))).image).toMatchObject({ width: 128, height: 128 });
  });

  it.each([
    [{ controlnet_module: 'canny' }, 'No image selected'],
    [{ controlnet_module: 'reference_only', controlnet_input_images: ['x'] }, 'Module not supported'],
    [{ controlnet_module: 'inpaint_only', controlnet_input_images: ['x'] }, 'controlnet_masks'],
  ])('detect refuses %j', async (body, sentence) => {
    const response = await server.call('POST', '/controlnet/detect', body);
    expect(response.status).toBe(422);
    expect(await response.text()).toContain(sentence);
  });

  it('has the same over the native API', async () => {
    const { modules } = await server.json('GET', '/api/v1/control/modules');
    expect(modules.find(({ name }: { name: string }) => name === 'canny')).toMatchObject({
      usesResolution: true,
      thresholdA: { value: 100 },
      own: false,
    });
    const response = await server.call('POST', '/api/v1/control/hint', { image, module: 'inpaint', mask: image });
    expect(response.headers.get('content-type')).toBe('image/png');
    const { image: hint } = await decodePixels(new Uint8Array(await response.arrayBuffer()));
    expect(hint.channels).toBe(4);
    const controls = [{ module: 'canny', model: 'control_v11p_sd15_canny', image, weight: 0.5 }];
    const { job } = await server.json('POST', '/api/v1/jobs', { prompt: 'a fox', steps: 1, controls });
    expect(job.inputs).toEqual(['control-0']);
    expect(job.request.controls).toEqual([expect.objectContaining({ module: 'canny', weight: 0.5, start: 0 })]);
    expect(JSON.stringify(job.request)).not.toContain(image.slice(0, 40));
    const input = await server.call('GET', `/api/v1/jobs/${job.id}/inputs/control-0`);
    expect(input.headers.get('content-type')).toBe('image/png');
  });
});
