import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeFile } from './detect.ts';
import type { TensorTable } from './tensor-table.ts';

function table(shapes: Record<string, readonly number[]>): TensorTable {
  return new Map(Object.entries(shapes).map(([name, shape]) => [name, { dtype: 'f16', shape }]));
}

function keys(name: string): Record<string, readonly number[]> {
  const url = new URL(`../../test/goldens/data/models/keys/${name}.json`, import.meta.url);
  return Object.fromEntries(JSON.parse(readFileSync(url, 'utf8')) as [string, number[]][]);
}

const only = (shapes: Record<string, readonly number[]>, prefix: string): Record<string, readonly number[]> =>
  Object.fromEntries(
    Object.entries(shapes).flatMap(([n, s]) => (n.startsWith(prefix) ? [[n.slice(prefix.length), s]] : [])),
  );

const lora = (module: string, width: number): Record<string, readonly number[]> => ({
  [`${module}.alpha`]: [],
  [`${module}.lora_down.weight`]: [4, width],
  [`${module}.lora_up.weight`]: [320, 4],
});

const kohyaCross = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
const peftCross = 'unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k';

describe('describeFile', () => {
  it.each<[string, Record<string, readonly number[]>, string]>([
    ['SD 1.5', keys('sd15.single'), 'a Stable Diffusion 1 checkpoint'],
    ['SD 1.5 inpainting', keys('sd15-inpaint.single'), 'a Stable Diffusion 1 inpaint checkpoint'],
    ['SD 2.1', keys('sd21-v.single'), 'a Stable Diffusion 2 checkpoint'],
    ['SDXL', keys('sdxl-base.single'), 'an SDXL checkpoint'],
    ['a bare U-Net', only(keys('sd15.single'), 'model.diffusion_model.'), 'a Stable Diffusion 1 U-Net'],
    ['a bare SDXL U-Net', only(keys('sdxl-base.single'), 'model.diffusion_model.'), 'an SDXL U-Net'],
    ['a ControlNet', keys('controlnet-sd15.single'), 'a ControlNet for Stable Diffusion 1'],
    [
      'a bare ControlNet',
      only(keys('controlnet-sd15.single'), 'control_model.'),
      'a ControlNet for Stable Diffusion 1',
    ],
    ['a text encoder', only(keys('sd15.single'), 'cond_stage_model.transformer.'), 'a text encoder'],
    ['a kohya LoRA', lora(kohyaCross, 768), 'a LoRA for Stable Diffusion 1'],
    ['a kohya LoRA for SDXL', lora(kohyaCross, 2048), 'a LoRA for SDXL'],
    [
      'a peft LoRA',
      { [`${peftCross}.lora_A.weight`]: [4, 1024], [`${peftCross}.lora_B.weight`]: [320, 4] },
      'a LoRA for Stable Diffusion 2',
    ],
    ['a LoHa', { 'lora_unet_mid.hada_w1_a': [8, 4], 'lora_unet_mid.hada_w1_b': [4, 8] }, 'a LoRA'],
    ['an embedding', { emb_params: [3, 768] }, 'a textual inversion embedding for Stable Diffusion 1'],
    ['an SDXL embedding', { clip_l: [2, 768], clip_g: [2, 1280] }, 'a textual inversion embedding for SDXL'],
    ['a diffusers embedding', { '<toy>': [768] }, 'a textual inversion embedding for Stable Diffusion 1'],
    [
      'a hypernetwork',
      { '768.0.linear.0.weight': [1536, 768], '768.1.linear.0.weight': [1536, 768] },
      'a hypernetwork',
    ],
    [
      'an IP adapter',
      { 'ip_adapter.1.to_k_ip.weight': [320, 768], 'image_proj.proj.weight': [3072, 1024] },
      'an IP adapter for Stable Diffusion 1',
    ],
    [
      'a T2I adapter',
      { 'body.0.block1.weight': [320, 320, 3, 3], 'conv_in.weight': [320, 192, 3, 3] },
      'a T2I adapter',
    ],
    ['TAESD', { '0.weight': [64, 3, 3, 3], '1.conv.0.weight': [64, 64, 3, 3] }, 'a tiny autoencoder (TAESD)'],
    ['ESRGAN', { 'conv_first.weight': [64, 3, 3, 3], 'body.0.rdb1.conv1.weight': [32, 64, 3, 3] }, 'an upscaler'],
    ['anything else', { 'layer1.weight': [3, 3] }, 'a file of unknown kind'],
    ['nothing', {}, 'a file of unknown kind'],
  ])('names %s', (_, shapes, title) => {
    const described = describeFile(table(shapes));
    expect(described.title).toBe(title);
    expect(described.problem !== undefined).toBe(described.kind === 'unknown');
  });

  it.each<[string, Record<string, readonly number[]>]>([
    ['a LoRA\u2019s module', lora(kohyaCross, 768)],
    ['a LoRA of every module', Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`lora_unet_${i}.alpha`, []]))],
    ['a difference', { 'model.diffusion_model.middle_block.1.proj_in.diff_b': [1280] }],
    ['a peft LoRA\u2019s module', { 'model.diffusion_model.out.2.lora_A.weight': [4, 320] }],
    ['an embedding', { emb_params: [3, 768] }],
    ['a ControlNet\u2019s layer', { 'zero_convs.0.0.weight': [320, 320, 1, 1] }],
    ['an upscaler\u2019s layer', { 'body.0.rdb1.conv1.weight': [32, 64, 3, 3] }],
    ['a word of a merge tool', { 'ip_adapter.1.to_k_ip.weight': [320, 768], 'scheduler.betas': [10] }],
  ])('goes by the body of a file in which %s is left over', (_, left) => {
    const title = (name: string): string => describeFile(table({ ...keys(name), ...left })).title;
    expect(title('sd15.single')).toBe('a Stable Diffusion 1 checkpoint');
    expect(title('sdxl-base.single')).toBe('an SDXL checkpoint');
    const vae = { ...only(keys('sd15.single'), 'first_stage_model.'), ...left };
    expect(describeFile(table(vae)).title).toBe('a VAE');
  });

  it('takes a ControlNet beside the whole model that it was trained on for what it is', () => {
    const both = { ...keys('sd15.single'), ...keys('controlnet-sd15.single') };
    expect(describeFile(table(both)).kind).toBe('controlnet');
  });

  it('takes a peft or diffusers LoRA of all blocks for no U-Net', () => {
    const modules = ['down_blocks.0.a', 'up_blocks.1.b', 'mid_block.c'].map((name) => `unet.${name}`);
    for (const [a, b] of [
      ['lora_A.weight', 'lora_B.weight'],
      ['lora_linear_layer.down.weight', 'lora_linear_layer.up.weight'],
    ]) {
      const shapes = modules.flatMap((m): [string, number[]][] => [
        [`${m}.${a}`, [4, 8]],
        [`${m}.${b}`, [8, 4]],
        [`${m}.alpha`, []],
        [`${m}.lora_mid.weight`, [4, 4]],
      ]);
      expect(describeFile(table(Object.fromEntries(shapes))).kind).toBe('lora');
    }
  });

  const sdxlWith = (...names: string[]) => ({
    ...keys('sdxl-base.single'),
    ...Object.fromEntries(names.map((name) => [name, [1]])),
  });

  it.each<[string, Record<string, readonly number[]>]>([
    ['a Playground 2.5 model', sdxlWith('edm_mean', 'edm_std')],
    ['a CosXL model', sdxlWith('edm_vpred.sigma_max', 'edm_vpred.sigma_min')],
    ['a Kolors model', sdxlWith('model.diffusion_model.encoder_hid_proj.weight')],
    ['a Zero123 model', { ...keys('sd15.single'), 'cc_projection.weight': [768, 772] }],
    ['an MVDream model', { ...keys('sd21-v.single'), 'model.diffusion_model.camera_embed.0.weight': [1280, 16] }],
    [
      'a Stable Video Diffusion model',
      { ...keys('sd21-v.single'), 'model.diffusion_model.input_blocks.1.0.time_stack.in_layers.0.bias': [320] },
    ],
    ['a FLUX.1 model', { 'model.diffusion_model.double_blocks.0.img_attn.qkv.weight': [9216, 3072] }],
    ['a FLUX.2 model', { 'double_blocks.0.img_attn.qkv.weight': [1], 'single_stream_modulation.lin.weight': [1] }],
    ['a Chroma model', { 'double_blocks.0.img_attn.qkv.weight': [1], 'distilled_guidance_layer.in_proj.weight': [1] }],
    ['a Stable Diffusion 3 model', { 'model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight': [1] }],
    ['an AuraFlow model', { 'model.double_layers.0.attn.w1q.weight': [1] }],
    ['a Stable Cascade model', { 'clip_txt_mapper.weight': [1], 'down_blocks.0.0.depthwise.weight': [1] }],
    ['a PixArt model', { 't_block.1.weight': [6912, 1152] }],
    ['a Z-Image or Lumina 2 model', { 'cap_embedder.1.weight': [3840, 2560] }],
    ['an AnimateDiff motion module', { 'down_blocks.0.motion_modules.0.temporal_transformer.norm.weight': [320] }],
  ])('knows %s, and that it cannot be used', (title, shapes) => {
    expect(describeFile(table(shapes))).toMatchObject({
      title,
      family: undefined,
      problem: expect.stringMatching(/^it needs .+, which Darkroom does not have$/),
    });
  });

  it('says of what no family runs which models are drawn with', () => {
    const wider = { 'model.diffusion_model.input_blocks.0.0.weight': [320, 8, 3, 3] };
    const { title, problem } = describeFile(table({ ...keys('sdxl-base.single'), ...wider }));
    expect(title).toBe('an SDXL instruct-pix2pix checkpoint');
    expect(problem).toMatch(
      /^Darkroom draws with pixel diffusion, Stable Diffusion 1 \(also inpaint, instruct-pix2pix\), .*SDXL/,
    );
    expect(describeFile(table(keys('sdxl-base.single'))).problem).toBeUndefined();
  });

  it('goes by the pipeline that a diffusers folder names', () => {
    expect(describeFile(table({}), { pipeline: 'FluxPipeline' }).title).toBe('a FLUX.1 model');
    expect(describeFile(table(keys('sd15.single')), { pipeline: 'StableDiffusionPipeline' }).problem).toBeUndefined();
  });

  it('counts the tensors and parameters of each part', () => {
    const { parts } = describeFile(table(keys('sd15.single')));
    expect(parts.find((p) => p.name === 'model.diffusion_model')).toEqual({
      name: 'model.diffusion_model',
      tensors: 686,
      parameters: 859_520_964,
      dtypes: ['f16'],
    });
    expect(parts.find((p) => p.name === 'first_stage_model')).toMatchObject({ tensors: 248, parameters: 83_653_863 });
  });
});
