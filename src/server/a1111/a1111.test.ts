import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setPngText } from '#formats/png-text';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { stretch } from '#studio/images/stretch';
import { picture } from '../../../test/fixtures/fake-engine.ts';
import { startTestServer, type TestServer } from '../../../test/fixtures/test-server.ts';
import { missingControlNetRows, missingRows } from './missing-routes.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterEach(async () => await server.reset());
afterAll(async () => await server.dispose());

const api = '/sdapi/v1';
const bytesOf = (b64: string) => new Uint8Array(Buffer.from(b64, 'base64'));
const lastRequest = async () => (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!.request;
/** A white pixel. */
const white = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4////fwAJ+wP9KobjigAAAABJRU5ErkJggg==';

const pngOf = async (seed: number, width = 64, height = 64) =>
  Buffer.from(await encodeImage(picture({ width, height }, seed), 'png')).toString('base64');

describe('txt2img', () => {
  it('answers with pictures, the request with its defaults, and info as a JSON text', async () => {
    const body = {
      prompt: 'a fox',
      negative_prompt: 'blur',
      steps: 3,
      seed: 7,
      batch_size: 2,
      width: 100,
      sampler_name: 'Euler a',
    };
    const answer = await server.json('POST', `${api}/txt2img`, body);
    expect(answer.images).toHaveLength(2);
    const { image, infotext } = await decodeImage(bytesOf(answer.images[1]));
    expect(image).toEqual(picture({ width: 96 }, 8));
    expect(answer.parameters).toMatchObject({
      prompt: 'a fox',
      cfg_scale: 7,
      n_iter: 1,
      width: 100,
      send_images: true,
    });
    const info = JSON.parse(answer.info);
    expect(info).toMatchObject({
      prompt: 'a fox',
      all_prompts: ['a fox', 'a fox'],
      seed: 7,
      all_seeds: [7, 8],
      width: 96,
      sampler_name: 'Euler a',
      batch_size: 2,
      sd_model_hash: '0123456789',
      denoising_strength: null,
      index_of_first_image: 0,
      clip_skip: 1,
    });
    expect(info.infotexts[1]).toBe(infotext);
    expect(info.job_timestamp).toMatch(/^\d{14}$/);
  });

  it('keeps upstream’s defaults and quirks', async () => {
    await server.json('POST', `${api}/txt2img`, {});
    expect(await lastRequest()).toMatchObject({
      steps: 50,
      sampler: 'Euler',
      cfgScale: 7,
      randomSource: 'gpu',
      clipSkip: 1,
    });
    await server.json('POST', `${api}/txt2img`, { sampler_name: 'DPM++ 2M Karras', steps: 2, styles: [], eta: null });
    expect(await lastRequest()).toMatchObject({ sampler: 'DPM++ 2M', scheduler: 'Karras' });
    await server.json('POST', `${api}/txt2img`, { sampler_name: 'No such sampler', steps: 2 });
    expect((await lastRequest()).sampler).toBe('DPM++ 2M');
    const silent = await server.json('POST', `${api}/txt2img`, { steps: 2, send_images: false });
    expect(silent.images).toEqual([]);
  });

  it('goes on with the default of an option whose file has gone, and says so', async () => {
    server.studio.settings.write('a1111.options', { sd_vae: 'gone.safetensors', emphasis: 'loud', s_churn: 3 });
    const answer = await server.json('POST', `${api}/txt2img`, { steps: 1, sampler_name: 'Euler' });
    expect(answer.warnings).toEqual([
      expect.stringMatching(/^The option sd_vae was left at its default/),
      expect.stringMatching(/^The option emphasis was left at its default/),
    ]);
    expect(await lastRequest()).toMatchObject({ sChurn: 3, emphasis: 'Original' });
  });

  it('takes settings for one call, and keeps them when told to', async () => {
    const override_settings = { CLIP_stop_at_last_layers: 2, randn_source: 'CPU', unknown_option: 1 };
    await server.json('POST', `${api}/txt2img`, { steps: 2, override_settings });
    expect(await lastRequest()).toMatchObject({ clipSkip: 2, randomSource: 'cpu' });
    await server.json('POST', `${api}/txt2img`, { steps: 2 });
    expect(await lastRequest()).toMatchObject({ clipSkip: 1, randomSource: 'gpu' });
    await server.json('POST', `${api}/txt2img`, {
      steps: 2,
      override_settings,
      override_settings_restore_afterwards: false,
    });
    expect(await server.json('GET', `${api}/options`)).toMatchObject({
      CLIP_stop_at_last_layers: 2,
      randn_source: 'CPU',
    });
  });

  it('fills what is left out from infotext', async () => {
    const infotext =
      'an owl\nNegative prompt: night\nSteps: 4, Sampler: Euler a, CFG scale: 5, Seed: 99, Size: 128x64, RNG: CPU, Clip skip: 2, Eta: 0.5';
    await server.json('POST', `${api}/txt2img`, { infotext, prompt: 'a fox', seed: 1 });
    expect(await lastRequest()).toMatchObject({
      prompt: 'a fox',
      negativePrompt: 'night',
      steps: 4,
      sampler: 'Euler a',
      cfgScale: 5,
      seed: 1,
      width: 128,
      height: 64,
      clipSkip: 2,
      randomSource: 'cpu',
      eta: 0.5,
    });
  });

  it('reads its own pictures’ infotext back, each setting that acted', async () => {
    const infotext =
      'a (tent:1.4)\nNegative prompt: night\nSteps: 4, Sampler: Heun, Schedule type: Karras, CFG scale: 5.5, Seed: 11, ' +
      'Size: 64x128, Variation seed: 3, Variation seed strength: 0.2, Seed resize from: 96x80, RNG: CPU, ' +
      'Sigma churn: 5, Sigma noise: 1.05, Schedule max sigma: 9, Schedule rho: 5, ENSD: 31337, Emphasis: No norm';
    await server.json('POST', `${api}/txt2img`, { infotext });
    expect(await lastRequest()).toMatchObject({
      sampler: 'Heun',
      scheduler: 'Karras',
      subseed: 3,
      subseedStrength: 0.2,
      seedResizeFromWidth: 96,
      seedResizeFromHeight: 80,
      randomSource: 'cpu',
      sChurn: 5,
      sNoise: 1.05,
      sigmaMax: 9,
      rho: 5,
      etaNoiseSeedDelta: 31337,
      emphasis: 'No norm',
    });
  });

  it('takes numbers and flags as text, and brings what is outside its bounds inside', async () => {
    const body = {
      steps: '2',
      cfg_scale: '7.0',
      seed: '-1',
      width: '64',
      height: 64.9,
      restore_faces: 'false',
      batch_size: 0,
      override_settings: [],
      alwayson_scripts: [],
      s_noise: 0,
      styles: ['None'],
      hr_scale: '1.0',
    };
    const answer = await server.json('POST', `${api}/txt2img`, body);
    expect(await lastRequest()).toMatchObject({
      steps: 2,
      cfgScale: 7,
      width: 64,
      height: 64,
      batchSize: 1,
      sNoise: 1,
    });
    expect(answer.warnings).toEqual([
      'batchSize: 0 is not from 1 to 64; 1 was taken.',
      's_noise: upstream takes the option s_noise instead, and so does Darkroom.',
    ]);
    expect(JSON.parse(answer.info).warnings).toEqual(answer.warnings);
  });

  it('tells what it does not act on', async () => {
    const warningsOf = async (fields: object) =>
      (await server.json('POST', `${api}/txt2img`, { steps: 1, ...fields })).warnings as string[];
    expect(await warningsOf({ sd_model_checkpoint: 'x', samples: 1 })).toEqual([
      'sd_model_checkpoint is no field of txt2img; it has no effect.',
      'samples is no field of txt2img; it has no effect.',
    ]);
    const kept = { made_up: 1, return_grid: true, webp_lossless: false, uni_pc_order: 2, comma_padding_backtrack: 0 };
    expect(await warningsOf({ override_settings: kept, sampler_name: 'UniPC' })).toEqual([
      'override_settings.made_up has no effect here.',
      'override_settings.return_grid has no effect here.',
    ]);
    expect(await lastRequest()).toMatchObject({ unipcOrder: 2, commaPaddingBacktrack: 0 });
    const options = await server.call('POST', `${api}/options`, { save_txt: true });
    expect(options.headers.get('x-darkroom-warnings')).toContain('save_txt is kept, and has no effect here.');
    expect(await warningsOf({ prompt: 'a fox fake:warn' })).toEqual(['this is a warning']);
    expect(await warningsOf({ sampler_name: 'Euler a', scheduler: 'Turbo' })).toEqual([
      'There is no noise schedule Turbo; Automatic was taken.',
    ]);
    expect((await lastRequest()).sampler).toBe('Euler a');
    const infotext = 'a\nSteps: 2, Sampler: Euler, Seed: 1, Randomness: 3, Version: v1.9.0';
    expect(await warningsOf({ infotext })).toEqual(['"Randomness" in the infotext has no effect here.']);
    const other = 'a\nSteps: 2, Sampler: Euler, Seed: 1, Model: another';
    const override_settings = { sd_model_checkpoint: '' };
    expect(await warningsOf({ infotext: other, override_settings })).toEqual([
      expect.stringContaining('The infotext names the model another'),
    ]);
  });

  it('answers in the format that one request asks for', async () => {
    const jpg = await server.json('POST', `${api}/txt2img`, { steps: 1, override_settings: { samples_format: 'jpg' } });
    expect((await decodeImage(bytesOf(jpg.images[0]))).format).toBe('jpeg');
    const bare = await server.json('POST', `${api}/txt2img`, {
      steps: 1,
      override_settings: { enable_pnginfo: false },
    });
    expect((await decodeImage(bytesOf(bare.images[0]))).infotext).toBeUndefined();
  });

  it('keeps no setting that would break later requests', async () => {
    for (const [options, status] of [
      [{ sd_vae: 'bogus.pt' }, 404],
      [{ CLIP_stop_at_last_layers: 99 }, 422],
      [{ emphasis: 'loud' }, 422],
    ] as const) {
      expect((await server.call('POST', `${api}/options`, options)).status, JSON.stringify(options)).toBe(status);
    }
    await server.json('POST', `${api}/options`, { CLIP_stop_at_last_layers: '2' });
    expect(await server.json('GET', `${api}/options`)).toMatchObject({
      CLIP_stop_at_last_layers: 2,
      sd_vae: 'Automatic',
    });
    await server.json('POST', `${api}/txt2img`, { steps: 1 });
    expect((await lastRequest()).clipSkip).toBe(2);
  });

  it.each([
    [
      { enable_hr: true, hr_scale: 1.5, hr_upscaler: 'Latent (bicubic)', hr_sampler_name: 'Use same sampler' },
      { hires: true, hiresScale: 1.5, hiresUpscaler: 'Latent (bicubic)', denoisingStrength: 0.75 },
    ],
    [
      { enable_hr: true, hr_resize_x: 96, hr_second_pass_steps: 3, hr_prompt: 'b', denoising_strength: 0.4 },
      { hiresWidth: 96, hiresSteps: 3, hiresPrompt: 'b', denoisingStrength: 0.4 },
    ],
    [{ hr_scale: 3 }, { hires: false, hiresScale: 2 }],
    [
      { infotext: 'a\nSteps: 2, Sampler: Euler, Seed: 1, Hires upscale: 3, Hires upscaler: Lanczos' },
      { hires: true, hiresScale: 3, hiresUpscaler: 'Lanczos' },
    ],
    [{ refiner_checkpoint: 'None', refiner_switch_at: 0.5 }, { refinerSwitchAt: 0.8 }],
    [{ alwayson_scripts: { Refiner: { args: [false, 'xl', 0.7] } } }, { refinerSwitchAt: 0.8 }],
  ])('takes second passes as %j', async (fields, wanted) => {
    await server.json('POST', `${api}/txt2img`, { steps: 1, ...fields });
    expect(await lastRequest()).toMatchObject(wanted);
  });

  it('says before it draws that a refiner or an upscaler is not there', async () => {
    for (const fields of [
      { refiner_checkpoint: 'xl' },
      { alwayson_scripts: { refiner: { args: [true, 'xl', 0.7] } } },
      { enable_hr: true, hr_upscaler: '4x-UltraSharp' },
    ]) {
      const response = await server.call('POST', `${api}/txt2img`, { steps: 1, ...fields });
      expect([404, 422]).toContain(response.status);
      expect(JSON.stringify(await response.json())).toMatch(/There is no (checkpoint|upscaler) called/);
    }
  });

  it('hands on what tames guidance and the noise schedule', async () => {
    const options = { sd_noise_schedule: 'Zero Terminal SNR', s_min_uncond_all: true };
    await server.json('POST', `${api}/txt2img`, { steps: 1, s_min_uncond: 2, override_settings: options });
    expect(await lastRequest()).toMatchObject({
      sMinUncond: 2,
      sMinUncondAll: true,
      noiseSchedule: 'Zero Terminal SNR',
    });
    await server.json('POST', `${api}/txt2img`, {
      steps: 1,
      override_settings: { sigma_max: 10, sigma_min: 0.1, rho: 5 },
    });
    expect(await lastRequest()).toMatchObject({ sigmaMax: 10, sigmaMin: 0.1, rho: 5 });
    const infotext = 'a\nSteps: 2, Sampler: Euler, Seed: 1, Tiling: True';
    expect((await server.json('POST', `${api}/txt2img`, { infotext })).warnings ?? []).toEqual([]);
    expect(await lastRequest()).toMatchObject({ tiling: true, steps: 2 });
    await server.json('POST', `${api}/txt2img`, {
      prompt: 'x',
      restore_faces: true,
      override_settings: { face_restoration_model: 'GFPGAN', code_former_weight: 0.3 },
    });
    expect(await lastRequest()).toMatchObject({ restoreFaces: true, faceRestorer: 'GFPGAN', faceFidelity: 0.3 });
    const faces = 'a\nSteps: 2, Sampler: Euler, Seed: 1, Face restoration: CodeFormer';
    await server.json('POST', `${api}/txt2img`, { infotext: faces });
    expect(await lastRequest()).toMatchObject({ restoreFaces: true, faceRestorer: 'CodeFormer' });
  });

  it.each([[{ alwayson_scripts: { FreeU: { args: [true] } } }, /second version.*freeUB1/]])(
    'answers 501 that names the missing part of %j',
    async (fields, names) => {
      const response = await server.call('POST', `${api}/txt2img`, { steps: 1, ...fields });
      expect(response.status).toBe(501);
      expect((await response.json()) as object).toMatchObject({ detail: expect.stringMatching(names) });
      expect((await server.studio.queue.list()).jobs).toEqual([]);
    },
  );

  it('begins hires fix with a picture that is given in place of the first pass', async () => {
    const body = { steps: 2, firstpass_image: await pngOf(3), width: 64, height: 64, denoising_strength: 0.4 };
    const answer = await server.json('POST', `${api}/txt2img`, { ...body, enable_hr: true, hr_upscaler: 'Lanczos' });
    expect(answer.warnings).toEqual([]);
    expect(answer.parameters.firstpass_image).toBeNull();
    const { jobs } = await server.studio.queue.list({ limit: 1 });
    expect(jobs[0]).toMatchObject({ inputs: ['init'], request: { hires: true, hiresOnly: true } });
    const input = await server.studio.input(jobs[0]!.id, 'init');
    expect((await decodeImage(new Uint8Array(input!))).image.data).toEqual(picture({ width: 64, height: 64 }, 3).data);
    const without = await server.json('POST', `${api}/txt2img`, body);
    expect(without.warnings).toEqual(['firstpass_image has no effect without enable_hr.']);
    expect(await lastRequest()).toMatchObject({ hires: false, hiresOnly: false });
  });

  it('names the networks of options in the prompt, and takes merged tokens and more noise from options', async () => {
    const options = { sd_hypernetwork: 'style', sd_lora: 'ink', extra_networks_default_multiplier: 0.5 };
    const body = { steps: 1, prompt: 'a fox <lora:ink:1>' };
    await server.json('POST', `${api}/txt2img`, { ...body, override_settings: options });
    expect(await lastRequest()).toMatchObject({ prompt: 'a fox <lora:ink:1><hypernet:style:0.5>' });
    const merging = { token_merging_ratio: 0.5, token_merging_ratio_img2img: 0.3, token_merging_ratio_hr: 0.2 };
    const more = { ...merging, img2img_extra_noise: 0.1 };
    const hires = { enable_hr: true, hr_upscaler: 'Latent' };
    await server.json('POST', `${api}/txt2img`, { ...body, ...hires, override_settings: more });
    expect(await lastRequest()).toMatchObject({ tokenMerging: 0.5, hiresTokenMerging: 0.2, extraNoise: 0.1 });
    await server.json('POST', `${api}/img2img`, { ...body, init_images: [await pngOf(3)], override_settings: more });
    expect(await lastRequest()).toMatchObject({ tokenMerging: 0.3, extraNoise: 0.1 });
  });

  it('takes what always-on scripts of upstream stand for', async () => {
    const scripts = {
      Seed: { args: [11, true, 12, 0.5, 512, 256] },
      Sampler: { args: [3, 'Heun', 'Exponential'] },
      'Hypertile Integrated': { args: [true, 128] },
      'Dynamic Prompts v2.17.1': { args: [true, false] },
    };
    await server.json('POST', `${api}/txt2img`, { prompt: 'a', steps: 1, alwayson_scripts: scripts });
    expect(await lastRequest()).toMatchObject({
      seed: 11,
      subseed: 12,
      subseedStrength: 0.5,
      seedResizeFromWidth: 512,
      steps: 3,
      sampler: 'Heun',
      scheduler: 'Exponential',
      hyperTile: 128,
    });
  });

  it('draws plots and matrices as their scripts do, the grid first', async () => {
    const args = [4, '1, 2', [], 'Seed', '5', '', 0, '', [], true, true, false, false, false, false, false, 0, false];
    const plot = { prompt: 'a', steps: 3, width: 64, height: 64, script_name: 'x/y/z plot', script_args: args };
    const answer = await server.json('POST', `${api}/txt2img`, plot);
    expect(answer.images).toHaveLength(3);
    const grid = await decodeImage(bytesOf(answer.images[0]));
    expect(grid.image.width).toBeGreaterThan(128);
    const info = JSON.parse(answer.info);
    expect(info).toMatchObject({ index_of_first_image: 1, all_seeds: [5, 5, 5] });
    expect(info.infotexts[0]).toMatch(/Script: X\/Y\/Z plot, X Type: Steps, X Values: "1, 2", Y Type: Seed/);
    expect(await lastRequest()).toMatchObject({
      series: { form: 'plot', cells: [{ changes: { steps: 1 } }, { changes: { steps: 2 } }] },
    });
    const alone = { ...plot, script_args: args.map((value, i) => (i === 10 ? false : value)) };
    expect((await server.json('POST', `${api}/txt2img`, alone)).images).toHaveLength(1);
    const matrix = {
      prompt: 'a|b',
      steps: 1,
      script_name: 'Prompt matrix',
      script_args: [false, true, 'positive', 'space', 0],
    };
    const made = JSON.parse((await server.json('POST', `${api}/txt2img`, matrix)).info);
    expect(made.all_prompts.slice(1)).toEqual(['a', 'a b']);
    const lines = {
      steps: 1,
      script_name: 'Prompts from file or textbox',
      script_args: [false, false, 'start', 'x\n--prompt y --seed 3'],
    };
    expect(JSON.parse((await server.json('POST', `${api}/txt2img`, lines)).info).all_prompts).toEqual(['x', 'y']);
    const refused = await server.call('POST', `${api}/txt2img`, { ...plot, script_args: [4, 'ten'] });
    expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('no number and no range')]);
  });

  it('lists scripts with their arguments', async () => {
    const { txt2img, img2img } = await server.json('GET', `${api}/scripts`);
    expect(txt2img).toEqual(expect.arrayContaining(['x/y/z plot', 'prompt matrix', 'refiner']));
    expect([txt2img.includes('loopback'), img2img.includes('loopback')]).toEqual([false, true]);
    const infos = await server.json('GET', `${api}/script-info`);
    const plot = infos.find(
      ({ name, is_img2img: of }: { name: string; is_img2img: boolean }) => name === 'x/y/z plot' && !of,
    );
    expect(plot.args[0]).toMatchObject({ label: 'X type', choices: expect.arrayContaining(['Steps', 'Size']) });
  });

  it.each([
    [{ steps: '4.5' }, 'steps'],
    [{ seed: 2 ** 53 }, 'seed'],
    [{ infotext: 'a\nSteps: 2, Sampler: Euler, Seed: 6687881544318117707' }, 'seed'],
    [{ restore_faces: 'perhaps' }, 'restore_faces'],
    [{ cfg_scale: 'high' }, 'cfg_scale'],
    [{ prompt: [] }, 'prompt'],
    [{ override_settings: { emphasis: 'loud' } }, 'emphasis'],
    [{ script_name: 'no such script' }, 'script_name'],
    [{ alwayson_scripts: { 'no such script': { args: [] } } }, 'alwayson_scripts'],
    [{ override_settings: { CLIP_stop_at_last_layers: 'x' } }, 'CLIP_stop_at_last_layers'],
  ])('answers 422 that names the field of %j', async (fields, name) => {
    const response = await server.call('POST', `${api}/txt2img`, fields);
    expect(response.status).toBe(422);
    const { detail } = (await response.json()) as { detail: { loc: string[] }[] };
    expect(detail[0]!.loc).toEqual(['body', name]);
  });

  it('lets scripts be sent that are switched off', async () => {
    const alwayson_scripts = {
      controlnet: { args: [{ enabled: false, model: 'None' }] },
      Seed: { args: [-1, false] },
      Refiner: { args: null },
    };
    expect(
      (await server.json('POST', `${api}/txt2img`, { steps: 1, alwayson_scripts, script_name: null })).images,
    ).toHaveLength(1);
  });
});

describe('img2img', () => {
  it('starts from the picture, with upstream’s names for masks', async () => {
    const body = {
      init_images: [`data:image/png;base64,${await pngOf(3, 64, 128)}`],
      mask: await pngOf(4),
      denoising_strength: 0.4,
      mask_blur: 2,
      inpainting_fill: 2,
      inpainting_mask_invert: 1,
      inpaint_full_res: false,
      width: 64,
      height: 64,
      steps: 2,
    };
    const answer = await server.json('POST', `${api}/img2img`, body);
    expect(answer.parameters).toMatchObject({ init_images: null, mask: null, denoising_strength: 0.4 });
    expect(JSON.parse(answer.info)).toMatchObject({ denoising_strength: 0.4 });
    expect(await lastRequest()).toMatchObject({
      denoisingStrength: 0.4,
      maskBlur: 2,
      maskedContent: 'noise',
      maskInvert: true,
    });
    const { id } = (await server.studio.queue.list({ kinds: ['picture'], limit: 1 })).jobs[0]!;
    const init = (await decodeImage((await server.studio.input(id, 'init'))!)).image;
    expect(init).toEqual(stretch(picture({ width: 64, height: 128 }, 3), 64, 64));
    const echoed = await server.json('POST', `${api}/img2img`, { ...body, include_init_images: true });
    expect(echoed.parameters.init_images).toEqual(body.init_images);
  });

  it('paints only the masked area unless told otherwise, as upstream', async () => {
    const image = await pngOf(1);
    const body = { init_images: [image], mask: image, steps: 1, width: 128, height: 128 };
    await server.json('POST', `${api}/img2img`, body);
    expect(await lastRequest()).toMatchObject({ inpaintArea: 'Only masked', inpaintPadding: 0, maskedContent: 'fill' });
    const { id } = (await server.studio.queue.list({ limit: 1 })).jobs[0]!;
    expect((await decodeImage((await server.studio.input(id, 'init'))!)).image.width).toBe(64);
    await server.json('POST', `${api}/img2img`, { ...body, inpaint_full_res: 0, inpaint_full_res_padding: 32 });
    expect(await lastRequest()).toMatchObject({ inpaintArea: 'Whole picture' });
  });

  it.each([
    [{}, 404, 'Init image not found'],
    [{ init_images: [] }, 404, 'Init image not found'],
    [{ init_images: ['!'] }, 422, 'base64'],
    [{ init_images: ['http://10.0.0.1/a.png'] }, 422, 'local network'],
  ])('refuses %j', async (fields, status, message) => {
    const response = await server.call('POST', `${api}/img2img`, { steps: 1, ...fields });
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(message);
  });

  it.each([
    [{ resize_mode: 2 }, { resizeMode: 'Resize and fill' }],
    [{ resize_mode: 3 }, { resizeMode: 'Just resize (latent upscale)' }],
    [{ override_settings: { img2img_color_correction: true } }, { colorCorrection: true }],
    [{ override_settings: { img2img_fix_steps: true } }, { exactSteps: true }],
    [
      { script_name: 'Outpainting mk2', script_args: ['', 64, 8, ['left', 'up'], 1.5, 0.1] },
      {
        outpaintLeft: 64,
        outpaintUp: 64,
        outpaintRight: 0,
        maskBlur: 8,
        outpaintFalloff: 1.5,
        inpaintArea: 'Whole picture',
      },
    ],
    [
      { script_name: "Poor man's outpainting", script_args: [32, 2, 'latent noise', ['down']] },
      { outpaintDown: 32, outpaintFill: 'masked content', maskedContent: 'noise', maskBlur: 2 },
    ],
    [
      { script_name: 'SD upscale', script_args: ['', 32, 2, 2], batch_size: 3 },
      { sdUpscale: 2, sdUpscaleOverlap: 32, sdUpscaleUpscaler: 'Nearest', batchSize: 1 },
    ],
    [
      {
        mask: white,
        alwayson_scripts: { 'Soft Inpainting': { args: [{ 'Soft inpainting': true, 'Schedule bias': 2 }] } },
      },
      { softInpainting: true, maskBlendPower: 2, maskBlendScale: 0.5 },
    ],
  ])('takes %j', async (fields, wanted) => {
    await server.json('POST', `${api}/img2img`, {
      steps: 1,
      width: 64,
      height: 64,
      init_images: [await pngOf(3)],
      ...fields,
    });
    expect(await lastRequest()).toMatchObject(wanted);
  });

  it('loops back, each picture from the one before', async () => {
    const body = { steps: 1, width: 64, height: 64, denoising_strength: 0.8, init_images: [await pngOf(3)] };
    const script = { script_name: 'Loopback', script_args: [2, 0.4, 'Lazy', 'None'] };
    const answer = await server.json('POST', `${api}/img2img`, { ...body, ...script });
    expect(answer.images).toHaveLength(3);
    const cells = [{ changes: {} }, { changes: { denoisingStrength: expect.closeTo(0.4) }, follows: true }];
    expect(await lastRequest()).toMatchObject({ series: { form: 'loopback', cells } });
  });

  it('takes a batch of different pictures, one seed after the other', async () => {
    const several = { init_images: [await pngOf(1), await pngOf(2)], steps: 1, seed: 7, n_iter: 2, batch_size: 2 };
    const answer = await server.json('POST', `${api}/img2img`, several);
    expect(JSON.parse(answer.info).all_seeds).toEqual([7, 8, 9, 10]);
    const { jobs } = await server.studio.queue.list({ limit: 4 });
    const inputs = await Promise.all(jobs.map(({ id }) => server.studio.input(id, 'init')));
    const distinct = new Set(inputs.map((input) => Buffer.from(input!).toString('base64')));
    expect(distinct.size).toBe(2);
    const refused = await server.call('POST', `${api}/img2img`, { ...several, batch_size: 1 });
    expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('batch_size is 1')]);
  });

  it('takes a mask of its own for the latent, where there is a mask', async () => {
    const body = { init_images: [await pngOf(1)], latent_mask: await pngOf(2), steps: 1, width: 64, height: 64 };
    await server.json('POST', `${api}/img2img`, { ...body, mask: await pngOf(1) });
    const { jobs } = await server.studio.queue.list({ limit: 1 });
    expect(jobs[0]!.inputs).toEqual(['init', 'mask', 'latent-mask']);
    const { warnings } = await server.json('POST', `${api}/img2img`, body);
    expect(warnings).toEqual(['latent_mask has no effect without a mask.']);
  });
});

describe('progress and interrupting', () => {
  it('tells how far it is, shows the preview, and answers an interrupted request with what is finished', async () => {
    server.studio.settings.update({ previewEvery: 1 });
    expect(await server.json('GET', `${api}/progress`)).toMatchObject({ progress: 0, state: { job_count: 0 } });
    const body = { steps: 40, n_iter: 1000, force_task_id: 'task(1)' };
    const going = server.json('POST', `${api}/txt2img`, body);
    let progress = await server.json('GET', `${api}/progress`);
    while (progress.current_image === null) {
      // Lets the engine's messages in between.
      await new Promise((resolve) => setTimeout(resolve, 5));
      progress = await server.json('GET', `${api}/progress`);
    }
    expect(progress.state).toMatchObject({ job_count: 1000, sampling_steps: 40 });
    expect(progress.progress).toBeGreaterThanOrEqual(0.01);
    expect((await decodeImage(bytesOf(progress.current_image))).format).toBe('jpeg');
    const task = await server.json('POST', '/internal/progress', { id_task: 'task(1)' });
    expect(task).toMatchObject({ active: true, queued: false, completed: false });
    expect(task.live_preview).toMatch(/^data:image\/jpeg;base64,/);
    expect((await server.json('GET', `${api}/progress?skip_current_image=True`)).current_image).toBeNull();
    await server.json('POST', `${api}/interrupt`);
    const answer = await going;
    // At least the one that was half done.
    expect(answer.images.length).toBeGreaterThan(0);
    expect(answer.images.length).toBeLessThan(1000);
    const [job] = (await server.studio.queue.list({ limit: 1 })).jobs;
    expect(job!.state).toBe('cancelled');
    expect(await server.json('POST', '/internal/progress', { id_task: 'task(1)' })).toMatchObject({
      active: false,
      completed: true,
    });
  });

  it('skips the batch that is drawn and goes on with the next one', async () => {
    expect(await server.json('POST', `${api}/skip`)).toBeNull();
    const going = server.json('POST', `${api}/txt2img`, { steps: 1000, n_iter: 2 });
    for (const batch of [0, 1]) {
      let { state, current_image } = await server.json('GET', `${api}/progress`);
      while (state.job_no !== batch || current_image === null) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        ({ state, current_image } = await server.json('GET', `${api}/progress`));
      }
      const { jobs } = await server.studio.queue.list({ limit: 1 });
      if (batch === 0) expect(await server.json('POST', `${api}/skip`)).toBeNull();
      else await server.json('POST', `/api/v1/jobs/${jobs[0]!.id}/skip`);
    }
    expect((await going).images).toHaveLength(2);
    const [job] = (await server.studio.queue.list({ limit: 1 })).jobs;
    expect(job!.state).toBe('done');
  });

  it('skips one cell of a series and goes on with the next', async () => {
    const lines = { lines: 'a fox\nan owl', steps: 1000 };
    const { job } = await server.json('POST', '/api/v1/series/prompts', lines);
    const stateOf = async () => (await server.json('GET', `/api/v1/jobs/${job.id}`)).job;
    const lastSteps: number[] = [];
    for (const done of [1, 2]) {
      let last = 0;
      while (server.studio.gallery.delivered(job.id).size < done) {
        await server.call('POST', `/api/v1/jobs/${job.id}/skip`);
        last = (await stateOf()).progress?.step ?? last;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      lastSteps.push(last);
    }
    while ((await stateOf()).state === 'running') await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await stateOf()).state).toBe('done');
    expect(Math.min(...lastSteps)).toBeLessThan(1000);
  });

  it('reports the engine’s failures', async () => {
    expect((await server.call('POST', `${api}/txt2img`, { prompt: 'fake:error', steps: 2 })).status).toBe(500);
    const mistake = await server.call('POST', `${api}/txt2img`, { prompt: 'fake:mistake', steps: 2 });
    expect(mistake.status).toBe(422);
    expect(await mistake.text()).toContain('There is no sampler of that name.');
  });
});

describe('extras', () => {
  const red = { width: 10, height: 6, channels: 3, data: new Uint8Array(180).fill(200) } as const;

  it('enlarges one picture and several', async () => {
    const image = Buffer.from(await encodeImage(red, 'png', 'a fox\nSteps: 1, Sampler: Euler, Seed: 1')).toString(
      'base64',
    );
    const one = await server.json('POST', `${api}/extra-single-image`, {
      image,
      upscaling_resize: 4,
      upscaler_1: 'Lanczos',
    });
    const { width, height } = (await decodeImage(Buffer.from(one.image, 'base64'))).image;
    expect([width, height]).toEqual([40, 24]);
    const many = await server.json('POST', `${api}/extra-batch-images`, {
      imageList: [
        { data: image, name: 'a' },
        { data: image, name: 'b' },
      ],
      resize_mode: 1,
      upscaling_resize_w: 64,
      upscaling_resize_h: 48,
      upscaler_1: 'Nearest',
      upscaler_2: 'Lanczos',
      extras_upscaler_2_visibility: 0.5,
    });
    expect(many.images).toHaveLength(2);
  });

  it('restores faces where the user has a network for it, and tells where not', async () => {
    const image = Buffer.from(await encodeImage(red, 'png', '')).toString('base64');
    const asked = {
      image,
      upscaler_1: 'Lanczos',
      gfpgan_visibility: 1,
      codeformer_visibility: 0.5,
      codeformer_weight: 0.2,
    };
    const none = await server.json('POST', `${api}/extra-single-image`, asked);
    expect(none.warnings).toEqual([
      'GFPGAN is left out: there is no ONNX file of it in the folder facerestore_models of the models.',
      'CodeFormer is left out: there is no ONNX file of it in the folder facerestore_models of the models.',
    ]);
    const folder = join(server.root, 'models', 'facerestore_models');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'codeformer_0.1.0.onnx'), '');
    const one = await server.json('POST', `${api}/extra-single-image`, asked);
    expect(one.warnings).toEqual([expect.stringMatching(/^GFPGAN is left out/)]);
    const { jobs } = await server.json('GET', '/api/v1/jobs?kind=upscale&limit=1');
    expect(jobs[0].request).toMatchObject({ faces: 'codeformer_0.1.0', facesVisibility: 0.5, facesFidelity: 0.2 });
    writeFileSync(join(folder, 'GFPGANv1.4.onnx'), '');
    await server.json('POST', `${api}/extra-single-image`, asked);
    const both = await server.json('GET', '/api/v1/jobs?kind=upscale&limit=1');
    const second = { faces2: 'codeformer_0.1.0', faces2Visibility: 0.5 };
    expect(both.jobs[0].request).toMatchObject({ faces: 'GFPGANv1.4', facesVisibility: 1, ...second });
    rmSync(join(folder, 'GFPGANv1.4.onnx'));
    expect(await server.json('GET', `${api}/face-restorers`)).toEqual([{ name: 'codeformer_0.1.0', cmd_dir: null }]);
    rmSync(folder, { recursive: true });
  });

  it.each([
    [{ upscaler_1: '4x-UltraSharp' }, 404, /There is no upscaler called/],
    [{ upscaling_resize: 9000 }, 422, /by/],
    [{ resize_mode: 1, upscaling_resize_w: 90_000 }, 422, /width/],
  ])('says what is wrong with %j', async (fields, status, words) => {
    const image = Buffer.from(await encodeImage(red, 'png', '')).toString('base64');
    const response = await server.call('POST', `${api}/extra-single-image`, { image, ...fields });
    expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(words)]);
  });
});

describe('lists and options', () => {
  it('fills the selectors of clients', async () => {
    const names = async (path: string, key: string) =>
      (await server.json('GET', `${api}/${path}`)).map((row: Record<string, unknown>) => row[key]) as unknown[];
    expect(await names('samplers', 'name')).toEqual(expect.arrayContaining(['Euler', 'Euler a', 'DPM++ 2M', 'DDIM']));
    expect((await names('samplers', 'options')).every((options) => typeof options === 'object')).toBe(true);
    expect(await names('schedulers', 'label')).toEqual(expect.arrayContaining(['Automatic', 'Karras', 'Exponential']));
    expect((await server.json('GET', `${api}/schedulers`))[2]).toEqual({
      name: 'karras',
      label: 'Karras',
      aliases: null,
      default_rho: 7,
      need_inner_model: false,
    });
    expect(await names('upscalers', 'name')).toEqual(['None', 'Lanczos', 'Nearest']);
    expect(await names('latent-upscale-modes', 'name')).toContain('Latent (bicubic antialiased)');
    for (const path of [
      'sd-models',
      'sd-vae',
      'hypernetworks',
      'loras',
      'face-restorers',
      'prompt-styles',
      'extensions',
    ]) {
      expect(await server.json('GET', `${api}/${path}`), path).toEqual([]);
    }
    expect(await server.json('GET', `${api}/embeddings`)).toEqual({ loaded: {}, skipped: {} });
    expect(await server.json('GET', `${api}/memory`)).toMatchObject({ ram: { total: expect.any(Number) } });
    for (const path of ['refresh-checkpoints', 'refresh-vae', 'refresh-loras']) {
      expect(await server.json('POST', `${api}/${path}`)).toBeNull();
    }
    expect((await server.call('GET', `${api}/samplers`)).headers.get('x-process-time')).toMatch(/^\d+\.\d{4}$/);
  });

  it('finds a model of a subfolder by each name that clients know, and says which cannot be used', async () => {
    const folder = join(server.root, 'models', 'Stable-diffusion', 'sub folder');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'tiny.safetensors'), safetensorsOf({ 'model.diffusion_model.out.2.bias': [4] }));
    const flux = safetensorsOf({ 'double_blocks.0.img_attn.qkv.weight': [12, 4] });
    writeFileSync(join(folder, 'flux.safetensors'), flux);
    await server.json('POST', `${api}/refresh-checkpoints`);
    const models = await server.json('GET', `${api}/sd-models`);
    const model = models.find(({ title }: { title: string }) => title.includes('tiny'));
    expect(model).toMatchObject({ title: 'sub folder/tiny.safetensors', model_name: 'sub folder_tiny' });
    for (const name of [model.title, model.model_name, 'sub folder\\tiny.safetensors', 'sub folder\\tiny', 'tiny']) {
      await server.json('POST', `${api}/options`, { sd_model_checkpoint: name });
      expect(server.studio.settings.get().defaultModel, name).toBe('sub folder/tiny');
    }
    const needs = expect.stringMatching(/^this is a FLUX.1 model, which cannot be used: it needs its network/);
    expect(models.find(({ title }: { title: string }) => title.includes('flux')).problem).toEqual(needs);
    expect((await server.json('GET', '/api/v1/models')).models).toContainEqual(
      expect.objectContaining({ problem: needs }),
    );
    const refused = await server.call('POST', `${api}/txt2img`, { override_settings: { sd_model_checkpoint: 'flux' } });
    expect([refused.status, JSON.stringify(await refused.json())]).toEqual([
      expect.any(Number),
      expect.stringContaining('flux cannot be used (it is a FLUX.1 model)'),
    ]);
    expect((await server.studio.queue.list()).jobs).toEqual([]);
    const { data } = await server.json('GET', '/v1/models');
    expect(data.map(({ id }: { id: string }) => id)).not.toContain('sub folder/flux');
  });

  it('tells of embeddings how many vectors they have, and which are for other models', async () => {
    const folder = join(server.root, 'models', 'embeddings');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'toy.safetensors'), safetensorsOf({ emb_params: [3, 768] }));
    await server.json('POST', `${api}/refresh-embeddings`);
    const toy = { shape: 768, vectors: 3, step: null, sd_checkpoint: null, sd_checkpoint_name: null };
    const { loaded, skipped } = await server.json('GET', `${api}/embeddings`);
    expect({ ...loaded, ...skipped }).toEqual({ toy });
  });

  it('switches models by title and refuses those it does not have', async () => {
    const folder = join(server.root, 'models', 'Stable-diffusion');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'tiny.safetensors'), safetensorsOf({ 'model.diffusion_model.out.2.bias': [4] }));
    await server.json('POST', `${api}/refresh-checkpoints`);
    const [model] = await server.json('GET', `${api}/sd-models`);
    expect(model).toMatchObject({ title: 'tiny.safetensors', model_name: 'tiny', config: null });
    await server.json('POST', `${api}/options`, { sd_model_checkpoint: model.title, samples_format: 'jpg' });
    expect(await server.json('GET', `${api}/options`)).toMatchObject({
      sd_model_checkpoint: 'tiny.safetensors',
      samples_format: 'jpg',
    });
    expect(server.studio.settings.get()).toMatchObject({ defaultModel: 'tiny', outputFormat: 'jpeg' });
    expect((await server.call('POST', `${api}/options`, { sd_model_checkpoint: 'none' })).status).toBe(404);
    mkdirSync(join(server.root, 'models', 'VAE'), { recursive: true });
    writeFileSync(
      join(server.root, 'models', 'VAE', 'soft.safetensors'),
      safetensorsOf({ 'decoder.conv_in.bias': [4] }),
    );
    await server.json('POST', `${api}/refresh-vae`);
    const infotext =
      'a\nSteps: 2, Sampler: Euler, Seed: 1, VAE: soft.safetensors, Refiner: tiny, Refiner switch at: 0.6';
    const answer = await server.json('POST', `${api}/txt2img`, { infotext });
    expect(await lastRequest()).toMatchObject({ vae: 'soft', refiner: 'tiny', refinerSwitchAt: 0.6 });
    expect(answer.warnings).toEqual([]);
  });

  it('takes upstream’s options for old pictures', async () => {
    const override_settings = {
      use_old_karras_scheduler_sigmas: true,
      use_old_scheduling: true,
      use_downcasted_alpha_bar: true,
      pad_cond_uncond_v0: true,
      enable_quantization: true,
      overlay_inpaint: false,
      sdxl_clip_l_skip: true,
    };
    await server.json('POST', `${api}/txt2img`, { prompt: '[a:b:0.5]', steps: 1, override_settings });
    expect(await lastRequest()).toMatchObject({
      sigmaMin: 0.1,
      sigmaMax: 10,
      oldPromptEditing: true,
      downcastAlphas: true,
      padPromptsV0: true,
      wholeTimesteps: true,
      clipSkipSdxl: true,
    });
    await server.json('POST', `${api}/txt2img`, {
      steps: 1,
      override_settings: { ...override_settings, sigma_min: 0.3 },
    });
    expect(await lastRequest()).toMatchObject({ sigmaMin: 0.3, sigmaMax: 10 });
  });

  it('keeps the sampler whatever its spelling and whatever the schedule is called', async () => {
    for (const [sampler_name, scheduler, sampler, schedule] of [
      ['Euler a', undefined, 'Euler a', 'Automatic'],
      ['Euler a', 'xyz', 'Euler a', 'Automatic'],
      ['k_euler_a', undefined, 'Euler a', 'Automatic'],
      ['Euler A', undefined, 'Euler a', 'Automatic'],
      ['DDIM CFG++', undefined, 'DDIM CFG++', 'Automatic'],
      ['DPM++ 3M SDE Exponential', undefined, 'DPM++ 3M SDE', 'Exponential'],
    ]) {
      await server.json('POST', `${api}/txt2img`, { prompt: 'a tent', steps: 1, sampler_name, scheduler });
      expect(await lastRequest()).toMatchObject({ sampler, scheduler: schedule });
    }
  });

  it('answers with every picture of a job of more than 500', async () => {
    const body = { prompt: 'a tent', steps: 1, seed: 1, width: 64, height: 64, batch_size: 8, n_iter: 63 };
    const { images, info } = await server.json('POST', `${api}/txt2img`, body);
    expect(images).toHaveLength(504);
    expect(JSON.parse(info).all_seeds).toEqual(Array.from({ length: 504 }, (_, i) => 1 + i));
    const { jobs } = await server.json('GET', '/api/v1/jobs?limit=1');
    expect((await server.json('GET', `/api/v1/jobs/${jobs[0].id}`)).images).toHaveLength(504);
  });

  it('lists styles and applies those that a request names', async () => {
    await server.studio.promptFiles.saveStyle({ name: 'film', prompt: '{prompt}, film', negativePrompt: 'blur' });
    expect(await server.json('GET', `${api}/prompt-styles`)).toEqual([
      { name: 'film', prompt: '{prompt}, film', negative_prompt: 'blur' },
    ]);
    const answer = await server.json('POST', `${api}/txt2img`, { prompt: 'a fox', steps: 1, styles: ['film', 'gone'] });
    expect(await lastRequest()).toMatchObject({ prompt: 'a fox, film', negativePrompt: 'blur', styles: [] });
    expect(answer.warnings).toEqual(['There is no style gone; it was left out.']);
    expect(JSON.parse(answer.info)).toMatchObject({ prompt: 'a fox, film', styles: ['film', 'gone'] });
  });

  it('changes no folder and no part that is not there', async () => {
    expect((await server.call('POST', `${api}/options`, { outdir_samples: '/etc' })).status).toBe(422);
    const eight = await server.call('POST', `${api}/options`, { fp8_storage: 'Enable' });
    expect([eight.status, ((await eight.json()) as { detail: string }).detail]).toEqual([
      501,
      expect.stringMatching(/convert the file once \(darkroom convert/),
    ]);
    expect((await server.call('POST', `${api}/options`, { CLIP_stop_at_last_layers: 'two' })).status).toBe(422);
    expect(await server.json('POST', `${api}/options`, { eta_noise_seed_delta: 0, made_up: 1 })).toBeNull();
    expect(await server.json('GET', `${api}/options`)).not.toHaveProperty('made_up');
  });

  it('describes itself where clients of upstream look', async () => {
    const document = await server.json('GET', '/openapi.json');
    expect(document.paths['/sdapi/v1/txt2img'].post.requestBody.content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/StableDiffusionProcessingTxt2Img',
    });
    const { properties } = document.components.schemas.StableDiffusionProcessingTxt2Img;
    expect(properties).toMatchObject({
      steps: { type: 'integer' },
      cfg_scale: { type: 'number' },
      enable_hr: { type: 'boolean' },
      sampler_name: { type: 'string' },
    });
    expect(Object.keys(document.paths).every((path) => !path.startsWith('/api/'))).toBe(true);
    expect(await (await server.call('GET', '/docs')).text()).toContain('/sdapi/v1/txt2img');
    expect(await server.json('GET', '/internal/sysinfo')).toMatchObject({ Config: { CLIP_stop_at_last_layers: 1 } });
  });

  it('reads other text of a picture too', async () => {
    const plain = await encodeImage(picture({}, 1), 'png', 'a fox\nSteps: 3, Sampler: Euler, Seed: 5, Size: 64x64');
    const image = Buffer.from(setPngText(plain, 'Software', 'Something else')).toString('base64');
    expect((await server.json('POST', `${api}/png-info`, { image })).items).toEqual({ Software: 'Something else' });
  });

  it('finds the styles that a picture’s prompts show', async () => {
    await server.studio.promptFiles.saveStyle({ name: 'inked', prompt: '{prompt}, ink', negativePrompt: 'smudge' });
    const text = 'a fox, ink\nNegative prompt: smudge\nSteps: 3, Sampler: Euler a, Seed: 5, Size: 64x64';
    const image = Buffer.from(await encodeImage(picture({}, 1), 'png', text)).toString('base64');
    const { parameters } = await server.json('POST', `${api}/png-info`, { image });
    expect(parameters).toMatchObject({ Prompt: 'a fox', 'Negative prompt': '', 'Styles array': ['inked'] });
  });

  it('reads parameters out of pictures', async () => {
    const text = 'a fox\nNegative prompt: blur\nSteps: 3, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64';
    const image = Buffer.from(await encodeImage(picture({}, 1), 'png', text)).toString('base64');
    const answer = await server.json('POST', `${api}/png-info`, { image });
    expect(answer).toMatchObject({ info: text, items: {}, parameters: { Prompt: 'a fox', Seed: '5', 'Size-1': '64' } });
    expect(await server.json('POST', `${api}/png-info`, { image: await pngOf(1) })).toEqual({
      info: '',
      items: {},
      parameters: {},
    });
  });

  it('says of every missing route that it is missing, and 404 of those that never were', async () => {
    const rows = [
      ...missingRows.map(([method, path]) => [method, api + path] as const),
      ...missingControlNetRows.map(([method, path]) => [method, `/controlnet${path}`] as const),
    ];
    for (const [method, path] of rows) {
      const response = await server.call(method.toUpperCase(), path, method === 'get' ? undefined : {});
      expect(response.status, path).toBe(501);
      expect((await response.json()) as object).toMatchObject({
        detail: expect.stringMatching(
          /not part of this version|POST \/api\/v1\/trainings|stopped where it was started/,
        ),
      });
    }
    expect((await server.call('GET', `${api}/nothing`)).status).toBe(404);
    expect(await server.json('GET', '/internal/ping')).toEqual({});
    expect(await server.json('GET', '/internal/pending-tasks')).toEqual({ size: 0, tasks: [] });
  });
});

/** A file with the given tensors, all zero, as f32. */
function safetensorsOf(shapes: Record<string, readonly number[]>): Buffer {
  let end = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const start = end;
    end += 4 * shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(end)]);
}
