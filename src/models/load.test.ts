import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alphaBarOfSigma } from '#diffusion/noise-table';
import type { WeightRange } from '#engine/backend';
import { type ByteSource, bytesSource } from '#formats/byte-source';
import { readSafetensorsHeader } from '#formats/safetensors';
import { CheckpointError } from './checkpoint-error.ts';
import { Fields } from './fields.ts';
import { loadCheckpoint } from './load.ts';
import { ModelFileError } from './model-error.ts';
import { type Sd1Config, sd15 } from './sd1/config.ts';
import { embeddedConfig, readEmbedded } from './sd1/embedded.ts';
import { sd1SingleFile } from './sd1/family.ts';
import type { ModelFiles } from './tensor-file.ts';

type Shapes = Record<string, readonly number[]>;

/** A safetensors file whose header is real and whose data cannot be read: loading must not read any. */
function headerOnly(shapes: Shapes, metadata: Record<string, string> = {}, dtype = 'F16'): ByteSource {
  let end = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const start = end;
    end += shape.reduce((a, b) => a * b, dtype === 'F16' ? 2 : 1);
    return [name, { dtype, shape, data_offsets: [start, end] }];
  });
  const json = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  const head = new Uint8Array(8 + json.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true);
  head.set(json, 8);
  return { ...bytesSource('model.safetensors', head), size: head.length + end };
}

function fileSystem(contents: Record<string, ByteSource | string>): ModelFiles {
  const get = (path: string): ByteSource | string => {
    const found = contents[path];
    if (found === undefined) throw new Error(`no file ${path}`);
    return found;
  };
  return {
    exists: async (path) => Object.hasOwn(contents, path),
    readText: async (path) => get(path) as string,
    source: async (path) => get(path) as ByteSource,
  };
}

function keys(name: string): Shapes {
  const url = new URL(`../../test/goldens/data/models/keys/${name}.json`, import.meta.url);
  return Object.fromEntries(JSON.parse(readFileSync(url, 'utf8')) as [string, number[]][]);
}

const single = keys('sd15.single');
const modelOf = (shapes: Shapes, metadata?: Record<string, string>): ModelFiles =>
  fileSystem({ 'm/sd.safetensors': headerOnly(shapes, metadata) });
const without = (shapes: Shapes, drop: (name: string) => boolean): Shapes =>
  Object.fromEntries(Object.entries(shapes).filter(([n]) => !drop(n)));

async function failure(loading: Promise<unknown>): Promise<ModelFileError> {
  const error = await loading.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ModelFileError);
  return error as ModelFileError;
}

describe('loadCheckpoint on a single file', () => {
  it('says where every weight is, having read the header alone', async () => {
    const model = await loadCheckpoint(modelOf(single), 'm/sd.safetensors');
    expect(model).toMatchObject({ layout: 'single-file', config: sd15, problems: [] });
    expect(model.components).toEqual(['unet', 'vae', 'text_encoder']);
    const range = model.weights.get('vae.encoder.mid_block.attentions.0.to_q.weight') as WeightRange;
    expect(range).toMatchObject({ kind: 'file', path: 'm/sd.safetensors', shape: [512, 512, 1, 1], dtype: 'f16' });
    expect(range.byteLength).toBe(512 * 512 * 2);
    expect(model.weights.get('unet.no.such.weight')).toBeUndefined();
    expect(model.parts.limits).toEqual({
      defaultSize: { width: 512, height: 512 },
      sizeMultiple: 8,
      gridMultiple: 64,
      maxClipSkip: 12,
    });
    expect(model.parts.textEncoders[0]).toMatchObject({ padId: 49407, positions: 77 });
  });

  it('recognises a 9-channel U-Net as inpainting', async () => {
    const { parts } = await loadCheckpoint(modelOf(keys('sd15-inpaint.single')), 'm/sd.safetensors');
    expect(parts.denoiser).toMatchObject({ inChannels: 9, extraInput: 'mask-and-masked-latent' });
  });

  it('takes no part of a model or relative of it for the whole, also of a family that it knows', async () => {
    const embedding = headerOnly({ clip_l: [2, 768], clip_g: [2, 1280] });
    const files = fileSystem({ 'm/style.safetensors': embedding });
    const { message } = await failure(loadCheckpoint(files, 'm/style.safetensors'));
    expect(message).toContain('this is a textual inversion embedding for SDXL; expected a checkpoint of');
  });

  it('takes the config that the trainer embedded', async () => {
    const config: Sd1Config = {
      unet: {
        ...sd15.unet,
        blockChannels: [32, 64],
        transformerDepth: [0, 1],
        heads: [2, 4],
        layersPerBlock: 1,
        contextWidth: 48,
        normGroups: 16,
        linearProjection: true,
      },
      vae: { ...sd15.vae, blockChannels: [16, 32], normGroups: 8, layersPerBlock: 1, scalingFactor: 0.9 },
      textEncoder: { ...sd15.textEncoder, width: 48, layers: 2, heads: 3, mlpWidth: 96, vocabSize: 1000 },
      prediction: 'v',
      schedule: sd15.schedule,
      sampleSize: 16,
    };
    const shapes = Object.fromEntries(sd1SingleFile(config).map((t) => [t.name, t.shape]));
    const files = modelOf(shapes, { 'darkroom.config': embeddedConfig(config) });
    const model = await loadCheckpoint(files, 'm/sd.safetensors');
    expect(model).toMatchObject({ config, problems: [], description: { family: 'sd1' } });
    expect(model.parts).toMatchObject({ prediction: 'v', latent: { channels: 4, scale: 0.9, factor: 2 } });
    expect(model.parts.limits.defaultSize).toEqual({ width: 32, height: 32 });
  });

  it('reads an embedded config whole, and names the field that does not fit', () => {
    const schedule = { ...sd15.schedule, kind: 'cosine', zeroTerminalSnr: true } as const;
    const text = embeddedConfig({ ...sd15, schedule });
    expect(readEmbedded(new Fields(JSON.parse(text), 'x'))).toEqual({ ...sd15, schedule });
    const { schedule: _, prediction, sampleSize, ...least } = JSON.parse(embeddedConfig(sd15));
    expect(readEmbedded(new Fields(least, 'x'))).toEqual({ ...sd15, prediction: 'eps', sampleSize: 64 });
    const wrong = { ...least, vae: { ...least.vae, layersPerBlock: 1e9 } };
    expect(() => readEmbedded(new Fields(wrong, 'x'))).toThrow(/^x: vae: layersPerBlock: .*256/);
    const uneven = { ...least, unet: { ...least.unet, heads: [8] } };
    expect(() => readEmbedded(new Fields(uneven, 'x'))).toThrow(/^x: unet: .*same length/);
  });

  it('takes what shapes do not tell from the .yaml beside the file', async () => {
    const yaml = [
      'model:',
      '  params:',
      '    parameterization: "v"',
      '    linear_start: 0.001',
      '    scale_factor: 0.2',
      '    image_size: 96',
      '    unet_config:',
      '      params: {num_head_channels: 40}',
    ].join('\n');
    const files = fileSystem({ 'm/sd.safetensors': headerOnly(single), 'm/sd.yaml': yaml });
    const { config, parts } = await loadCheckpoint(files, 'm/sd.safetensors');
    expect(parts).toMatchObject({
      prediction: 'v',
      latent: { scale: 0.2 },
    });
    expect((config as Sd1Config).schedule).toMatchObject({ betaStart: 0.001, betaEnd: 0.012 });
    expect(parts.limits.defaultSize.width).toBe(768);
    expect((config as Sd1Config).unet.heads).toEqual([8, 16, 32, 32]);
    const wrong = fileSystem({
      'm/sd.safetensors': headerOnly(single),
      'm/sd.yaml': 'model: {params: {parameterization: w}}',
    });
    const error = await failure(loadCheckpoint(wrong, 'm/sd.safetensors'));
    expect(error.message).toBe('m/sd.yaml: model: params: parameterization must be eps or v or x0, got "w"');
  });

  it('names a missing tensor', async () => {
    const lost = 'model.diffusion_model.input_blocks.4.0.out_layers.3.weight';
    const error = await failure(loadCheckpoint(modelOf(without(single, (n) => n === lost)), 'm/sd.safetensors'));
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).problems).toHaveLength(1);
    expect(error.message).toContain(
      `${lost} is missing; expected shape [640, 640, 3, 3] for unet.down_blocks.1.resnets.0.conv2.weight`,
    );
  });

  it('names a misshapen tensor with both shapes', async () => {
    const bad = 'first_stage_model.decoder.up.1.block.0.conv1.weight';
    const error = await failure(loadCheckpoint(modelOf({ ...single, [bad]: [256, 512, 3, 1] }), 'm/sd.safetensors'));
    expect((error as CheckpointError).problems).toEqual([
      expect.objectContaining({ kind: 'shape', stored: bad, expected: [256, 512, 3, 3], got: [256, 512, 3, 1] }),
    ]);
    expect(error.message).toContain(`${bad} has shape [256, 512, 3, 1], expected [256, 512, 3, 3]`);
  });

  it('names a missing component, unless a part is enough', async () => {
    const noVae = without(single, (n) => n.startsWith('first_stage_model.'));
    const error = await failure(loadCheckpoint(modelOf(noVae), 'm/sd.safetensors'));
    expect(error.message).toContain('the vae is missing: no tensors under first_stage_model. or vae.');
    const model = await loadCheckpoint(modelOf(noVae), 'm/sd.safetensors', { partial: true });
    expect(model.components).toEqual(['unet', 'text_encoder']);
  });

  it('takes from tensors without a value how it was trained', async () => {
    const { parts, problems } = await loadCheckpoint(modelOf({ ...single, v_pred: [], ztsnr: [] }), 'm/sd.safetensors');
    expect([parts.prediction, problems]).toEqual(['v', []]);
    expect(parts.noiseTable().sigmaAt(999)).toBeGreaterThan(4000);
  });

  it('is SD 1 with linear projections too', async () => {
    const linear = Object.fromEntries(
      Object.entries(single).map(([name, shape]) => [
        name,
        /proj_(in|out)\.weight$/.test(name) ? shape.slice(0, 2) : shape,
      ]),
    );
    const { family, config } = await loadCheckpoint(modelOf(linear), 'm/sd.safetensors');
    expect([family.id, (config as Sd1Config).unet.linearProjection]).toEqual(['sd1', true]);
  });

  it('lists tensors that belong to nothing, and goes on', async () => {
    const model = await loadCheckpoint(modelOf({ ...single, 'model.extra.weight': [3] }), 'm/sd.safetensors');
    expect(model.problems).toEqual([
      expect.objectContaining({ kind: 'unexpected', fatal: false, stored: 'model.extra.weight' }),
    ]);
  });

  it('refuses element types that cannot be computed with', async () => {
    const files = fileSystem({ 'm/sd.safetensors': headerOnly(single, {}, 'F8_E4M3FNUZ') });
    const error = await failure(loadCheckpoint(files, 'm/sd.safetensors'));
    expect((error as CheckpointError).problems[0]).toMatchObject({ kind: 'dtype' });
    expect(error.message).toContain('F8_E4M3FNUZ; weights must be one of f32, f16, bf16, f64');
  });

  it.each<[string, Shapes, string]>([
    ['a LoRA', { 'lora_unet_mid.lora_down.weight': [4, 8], 'lora_unet_mid.lora_up.weight': [8, 4] }, 'this is a LoRA;'],
    ['a VAE', keys('vae.single'), 'this is a VAE;'],
    ['something else', { 'fc.weight': [2, 2], 'conv1.bias': [6] }, 'Its 2 tensors are in fc.weight, conv1.bias.'],
    [
      'a relative',
      { ...single, 'cc_projection.weight': [1] },
      'this is a Zero123 model, which cannot be used: it needs',
    ],
    [
      'a model of other latents',
      { ...single, 'model.diffusion_model.out.2.weight': [16, 320, 3, 3], 'model.diffusion_model.out.2.bias': [16] },
      'its latents have 16 channels, not 4, and how they are scaled is not known',
    ],
  ])('says that %s is not what it needs', async (_, shapes, message) => {
    expect((await failure(loadCheckpoint(modelOf(shapes), 'm/sd.safetensors'))).message).toContain(message);
  });

  it('says when there is no such file', async () => {
    const error = await failure(loadCheckpoint(fileSystem({}), 'm/none.safetensors'));
    expect(error).toMatchObject({ code: 'model.not-found', path: 'm/none.safetensors' });
  });

  it('takes another VAE, by LDM or diffusers names', async () => {
    const diffusers = JSON.parse(
      readFileSync(new URL('../../test/goldens/data/models/keys/vae.diffusers.json', import.meta.url), 'utf8'),
    ) as { vae: [string, number[]][] };
    for (const shapes of [keys('vae.single'), Object.fromEntries(diffusers.vae)]) {
      const files = fileSystem({ 'm/sd.safetensors': headerOnly(single), 'v.safetensors': headerOnly(shapes) });
      const { weights, problems } = await loadCheckpoint(files, 'm/sd.safetensors', { vae: 'v.safetensors' });
      expect(problems).toEqual([]);
      expect(weights.get('vae.decoder.conv_in.weight')).toMatchObject({ path: 'v.safetensors' });
      expect(weights.get('unet.conv_in.weight')).toMatchObject({ path: 'm/sd.safetensors' });
    }
  });

  it('refuses a VAE that is none', async () => {
    const files = fileSystem({
      'm/sd.safetensors': headerOnly(single),
      'v.safetensors': headerOnly({ emb_params: [1, 768] }),
    });
    const error = await failure(loadCheckpoint(files, 'm/sd.safetensors', { vae: 'v.safetensors' }));
    expect(error.message).toContain(
      'v.safetensors: this is a textual inversion embedding for Stable Diffusion 1; expected a VAE',
    );
  });
});

describe('loadCheckpoint on a diffusers folder', () => {
  const tiny = new URL('../../test/goldens/data/models/tiny-sd1/', import.meta.url);
  const text = (path: string): string => readFileSync(new URL(path, tiny), 'utf8');
  const real = (path: string): ByteSource => bytesSource(path, readFileSync(new URL(path, tiny)));

  function folder(change: Record<string, ByteSource | string | undefined> = {}): ModelFiles {
    const files: Record<string, ByteSource | string> = {
      'd/model_index.json': text('model_index.json'),
      'd/scheduler/scheduler_config.json': text('scheduler/scheduler_config.json'),
    };
    for (const [component, name] of [
      ['unet', 'diffusion_pytorch_model'],
      ['vae', 'diffusion_pytorch_model'],
      ['text_encoder', 'model'],
    ] as const) {
      files[`d/${component}/config.json`] = text(`${component}/config.json`);
      files[`d/${component}/${name}.safetensors`] = real(`${component}/${name}.safetensors`);
    }
    for (const [path, content] of Object.entries(change)) {
      if (content === undefined) delete files[path];
      else files[path] = content;
    }
    return fileSystem(files);
  }

  it('finds every parameter', async () => {
    const model = await loadCheckpoint(folder(), 'd/');
    expect(model).toMatchObject({ layout: 'folder', problems: [] });
    expect(model.weights.get('text_encoder.text_model.final_layer_norm.weight')).toMatchObject({
      path: 'd/text_encoder/model.safetensors',
    });
  });

  it('follows the index of a sharded component, inside its folder only', async () => {
    const file = 'd/unet/diffusion_pytorch_model.safetensors';
    const names = [
      ...(await loadCheckpoint(folder(), 'd')).family.parameters((await loadCheckpoint(folder(), 'd')).config),
    ]
      .map((p) => p.name)
      .filter((n) => n.startsWith('unet.'))
      .map((n) => n.slice('unet.'.length));
    const index = (shard: string): string =>
      JSON.stringify({ weight_map: Object.fromEntries(names.map((n) => [n, shard])) });
    const sharded = (shard: string): ModelFiles =>
      folder({
        [file]: undefined,
        'd/unet/shard-1.safetensors': real('unet/diffusion_pytorch_model.safetensors'),
        'd/unet/diffusion_pytorch_model.safetensors.index.json': index(shard),
      });
    const model = await loadCheckpoint(sharded('shard-1.safetensors'), 'd');
    expect(model.weights.get('unet.conv_in.weight')).toMatchObject({ path: 'd/unet/shard-1.safetensors' });
    for (const outside of ['../unet/shard-1.safetensors', '/etc/passwd', 'C:x.safetensors']) {
      expect(await failure(loadCheckpoint(sharded(outside), 'd'))).toMatchObject({ code: 'model.shard-name' });
    }
  });

  it.each([
    'X.fp16.safetensors',
    'X.bf16.safetensors',
    'X.non_ema.safetensors',
    'X.fp16-00001-of-00001.safetensors X.safetensors.index.fp16.json',
    'X-00001-of-00001.fp16.safetensors X.safetensors.fp16.index.json',
    'X-00001-of-00001.safetensors X.safetensors.index.json',
    'T.bin',
    'T.fp16.bin',
    'T-00001-of-00001.bin T.bin.index.json',
    'T.fp16-00001-of-00001.bin T.bin.index.fp16.json',
  ])('finds the weights of every component in %s', async (form) => {
    const change: Record<string, ByteSource | string | undefined> = {};
    for (const [component, stem, torchStem] of [
      ['unet', 'diffusion_pytorch_model', 'diffusion_pytorch_model'],
      ['vae', 'diffusion_pytorch_model', 'diffusion_pytorch_model'],
      ['text_encoder', 'model', 'pytorch_model'],
    ] as const) {
      const [file, index] = form.replaceAll('X', stem).replaceAll('T', torchStem).split(' ') as [string, string?];
      const weights = real(`${component}/${stem}.safetensors`);
      const { tensors } = await readSafetensorsHeader(weights);
      const map = Object.fromEntries([...tensors.keys()].map((name) => [name, file]));
      change[`d/${component}/${stem}.safetensors`] = undefined;
      change[`d/${component}/${file}`] = weights;
      if (index) change[`d/${component}/${index}`] = JSON.stringify({ weight_map: map });
    }
    expect(await loadCheckpoint(folder(change), 'd')).toMatchObject({ problems: [], layout: 'folder' });
  });

  it('prefers full precision to half, and weights with their moving average to those without', async () => {
    const other = real('unet/diffusion_pytorch_model.safetensors');
    const change = {
      'd/unet/diffusion_pytorch_model.fp16.safetensors': other,
      'd/unet/diffusion_pytorch_model.non_ema.safetensors': other,
    };
    const path = async (files: ModelFiles): Promise<unknown> =>
      ((await loadCheckpoint(files, 'd')).weights.get('unet.conv_in.weight') as WeightRange).path;
    expect(await path(folder(change))).toBe('d/unet/diffusion_pytorch_model.safetensors');
    const without = { ...change, 'd/unet/diffusion_pytorch_model.safetensors': undefined };
    expect(await path(folder(without))).toBe('d/unet/diffusion_pytorch_model.fp16.safetensors');
  });

  it('names a shape that contradicts the config', async () => {
    const config = JSON.parse(text('unet/config.json')) as object;
    const wide = JSON.stringify({ ...config, cross_attention_dim: 24 });
    const error = await failure(loadCheckpoint(folder({ 'd/unet/config.json': wide }), 'd'));
    expect(error.message).toMatch(/unet\.\S+attn2\.to_[kv]\.weight has shape \[32, 16\], expected \[32, 24\]/);
  });

  it('names a config that asks for what is not built', async () => {
    const config = JSON.parse(text('unet/config.json')) as object;
    for (const [name, value] of Object.entries({ resnet_time_scale_shift: 'scale_shift', mid_block_scale_factor: 2 })) {
      const other = JSON.stringify({ ...config, [name]: value });
      const error = await failure(loadCheckpoint(folder({ 'd/unet/config.json': other }), 'd'));
      expect(error.message).toContain(`d/unet/config.json: ${name} must be`);
    }
    const broken = await failure(loadCheckpoint(folder({ 'd/vae/config.json': '{' }), 'd'));
    expect(broken.message).toContain('d/vae/config.json is not valid JSON');
  });

  it('says where it looked for weights', async () => {
    const error = await failure(
      loadCheckpoint(folder({ 'd/vae/diffusion_pytorch_model.safetensors': undefined }), 'd'),
    );
    expect(error).toMatchObject({ code: 'model.no-weights', path: 'd/vae' });
  });

  it('reads the prediction type from the scheduler', async () => {
    const scheduler = JSON.parse(text('scheduler/scheduler_config.json')) as object;
    const v = JSON.stringify({ ...scheduler, prediction_type: 'v_prediction' });
    const { parts } = await loadCheckpoint(folder({ 'd/scheduler/scheduler_config.json': v }), 'd');
    expect(parts.prediction).toBe('v');
  });

  it.each([
    ['linear', 1 - 1e-4],
    ['squaredcos_cap_v2', 1 - 4.128e-5],
  ])('reads the table of betas %s from the scheduler', async (beta_schedule, alphaBar) => {
    const scheduler = JSON.parse(text('scheduler/scheduler_config.json')) as object;
    const other = JSON.stringify({ ...scheduler, beta_schedule, beta_start: 1e-4, beta_end: 0.02 });
    const { parts } = await loadCheckpoint(folder({ 'd/scheduler/scheduler_config.json': other }), 'd');
    expect(alphaBarOfSigma(parts.noiseTable().sigmas[0]!)).toBeCloseTo(alphaBar, 8);
  });

  it('reads from the scheduler that the last step is noise alone', async () => {
    const scheduler = JSON.parse(text('scheduler/scheduler_config.json')) as object;
    const zero = JSON.stringify({ ...scheduler, rescale_betas_zero_snr: true });
    const { parts } = await loadCheckpoint(folder({ 'd/scheduler/scheduler_config.json': zero }), 'd');
    expect(parts.noiseTable().sigmaAt(999)).toBeGreaterThan(4000);
    const usual = (await loadCheckpoint(folder({}), 'd')).parts;
    expect(usual.noiseTable().sigmaAt(999)).toBeCloseTo(14.6146, 3);
    expect(usual.noiseTable({ zeroTerminal: true }).sigmaAt(999)).toBeGreaterThan(4000);
  });
});
