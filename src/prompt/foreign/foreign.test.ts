import { describe, expect, it } from 'vitest';
import { foreignInfotext, foreignKeywords } from './index.ts';

const read = (texts: Record<string, unknown>): string | undefined =>
  foreignInfotext(
    new Map(
      Object.entries(texts).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
    { width: 64, height: 96 },
    (_, name) => name,
  );

type Node = [kind: string, inputs: Record<string, unknown>];
const graph = (nodes: Record<string, Node>): object =>
  Object.fromEntries(Object.entries(nodes).map(([id, [class_type, inputs]]) => [id, { class_type, inputs }]));

const common: Record<string, Node> = {
  loader: ['CheckpointLoaderSimple', { ckpt_name: 'sd/tiny-sd1.safetensors' }],
  latent: ['EmptyLatentImage', { width: 512, height: 768, batch_size: 1 }],
  positive: ['CLIPTextEncode', { text: 'a lighthouse', clip: ['skip', 0] }],
  negative: ['CLIPTextEncode', { text: ['words', 0], clip: ['loader', 1] }],
  words: ['PrimitiveString', { value: 'blurry' }],
  skip: ['CLIPSetLastLayer', { stop_at_clip_layer: -2, clip: ['loader', 1] }],
};
const sampling = { steps: 20, cfg: 8, sampler_name: 'dpmpp_2m_sde_gpu', scheduler: 'karras', denoise: 1 };
const linked = { model: ['loader', 0], positive: ['positive', 0], negative: ['negative', 0] };

describe('foreignInfotext', () => {
  it('reads NovelAI as A1111 does', () => {
    const settings = { steps: 28, sampler: 'k_euler_ancestral', seed: 2711543120, scale: 11.0, uc: 'lowres, text' };
    expect(read({ Software: 'NovelAI', Description: '{{lighthouse}}', Comment: settings })).toBe(
      '{{lighthouse}}\nNegative prompt: lowres, text\nSteps: 28, Sampler: k_euler_ancestral, CFG scale: 11, ' +
        'Seed: 2711543120, Size: 64x96, Clip skip: 2, ENSD: 31337',
    );
    expect(read({ Software: 'NovelAI', Comment: 'no JSON' })).toBeUndefined();
    expect(read({ Software: 'GIMP', Comment: settings })).toBeUndefined();
  });

  it('reads a ComfyUI graph, through links, LoRAs and a second pass', () => {
    const nodes = graph({
      ...common,
      second: ['KSampler', { ...sampling, seed: 9, steps: 7, denoise: 0.5, ...linked, latent_image: ['up', 0] }],
      up: ['LatentUpscale', { samples: ['first', 0], upscale_method: 'bicubic', width: 1024, height: 1536 }],
      lora: ['LoraLoader', { lora_name: 'styles\\ink.safetensors', strength_model: 0.8, model: ['loader', 0] }],
      first: [
        'KSampler',
        { ...sampling, ...linked, model: ['lora', 0], seed: ['seed', 0], latent_image: ['latent', 0] },
      ],
      seed: ['Seed', { seed: 8456123456789 }],
    });
    expect(read({ prompt: nodes })).toBe(
      'a lighthouse <lora:ink:0.8>\nNegative prompt: blurry\nSteps: 20, Sampler: dpmpp_2m_sde, ' +
        'Schedule type: karras, CFG scale: 8, Seed: 8456123456789, Size: 512x768, Model: tiny-sd1, Denoising strength: 0.5, Clip skip: 2, ' +
        'Hires upscaler: Latent (bicubic), Hires resize: 1024x1536, Hires steps: 7, Hires prompt: a lighthouse',
    );
  });

  const start = { ...sampling, ...linked, seed: 3 };
  const first: Node = ['KSampler', { ...start, latent_image: ['latent', 0] }];
  const told = (nodes: Record<string, Node>) =>
    read({ prompt: graph({ ...common, ...nodes }) })!.split('Clip skip: 2')[1];

  it('reads a second pass over a picture that a model enlarged, with a checkpoint of its own', () => {
    const nodes: Record<string, Node> = {
      first,
      out: ['VAEDecode', { samples: ['first', 0], vae: ['loader', 2] }],
      net: ['UpscaleModelLoader', { model_name: '4x-Sharp.pth' }],
      large: ['ImageUpscaleWithModel', { upscale_model: ['net', 0], image: ['out', 0] }],
      fit: ['ImageScaleBy', { upscale_method: 'lanczos', scale_by: 0.5, image: ['large', 0] }],
      in: ['VAEEncode', { pixels: ['fit', 0], vae: ['loader', 2] }],
      other: ['CheckpointLoaderSimple', { ckpt_name: 'fine.safetensors' }],
      second: [
        'KSamplerAdvanced',
        {
          ...start,
          model: ['other', 0],
          steps: 20,
          start_at_step: 12,
          end_at_step: 20,
          cfg: 5,
          latent_image: ['in', 0],
        },
      ],
    };
    expect(told(nodes)).toBe(
      ', Hires upscaler: 4x-Sharp, Hires resize: 64x96, Hires steps: 8, Hires CFG Scale: 5, Hires checkpoint: fine',
    );
    expect(read({ prompt: graph({ ...common, ...nodes }) })).toContain('Denoising strength: 0.4, ');
    const third: Node = ['KSampler', { ...start, denoise: 0.2, latent_image: ['second', 0] }];
    expect(told({ ...nodes, third })).toContain('ComfyUI nodes: 1 more passes');
  });

  it('reads a second pass at the same size, and one by a factor', () => {
    const second: Node = ['KSampler', { ...start, sampler_name: 'euler', denoise: 0.3, latent_image: ['first', 0] }];
    expect(told({ first, second })).toBe(', Hires upscaler: Latent, Hires upscale: 1, Hires sampler: euler');
    const up: Node = ['LatentUpscaleBy', { samples: ['first', 0], upscale_method: 'nearest-exact', scale_by: 1.5 }];
    const onto: Node = ['KSampler', { ...start, denoise: 0.3, latent_image: ['up', 0] }];
    expect(told({ first, up, second: onto })).toBe(', Hires upscaler: Latent (nearest-exact), Hires upscale: 1.5');
  });

  it('reads a refiner that takes over on the way, and units of ControlNet', () => {
    const shared = { add_noise: 'enable', ...start, return_with_leftover_noise: 'enable' };
    const base: Node = [
      'KSamplerAdvanced',
      { ...shared, start_at_step: 0, end_at_step: 16, latent_image: ['latent', 0] },
    ];
    const refiner: Node = ['CheckpointLoaderSimple', { ckpt_name: 'xl/refiner.safetensors' }];
    const rest = { ...shared, model: ['refiner', 0], start_at_step: 16, end_at_step: 10000, latent_image: ['base', 0] };
    expect(told({ base, refiner, rest: ['KSamplerAdvanced', rest] })).toBe(
      ', Refiner: refiner, Refiner switch at: 0.8',
    );
    const other: Node = ['CLIPTextEncode', { text: 'sharp', clip: ['refiner', 1] }];
    expect(told({ base, refiner, other, rest: ['KSamplerAdvanced', { ...rest, positive: ['other', 0] }] })).toBe(
      ', Refiner: refiner, Refiner switch at: 0.8, ComfyUI nodes: prompt of the refiner',
    );
    const apply = { positive: ['positive', 0], negative: ['negative', 0], strength: 0.8, end_percent: 0.7 };
    const guided = { ...start, positive: ['two', 0], negative: ['two', 1], latent_image: ['latent', 0] };
    expect(
      told({
        first: ['KSampler', guided],
        two: [
          'ControlNetApplyAdvanced',
          { ...apply, positive: ['one', 0], control_net: ['n2', 0], image: ['pose', 0] },
        ],
        one: ['ControlNetApplyAdvanced', { ...apply, control_net: ['n1', 0], image: ['edges', 0] }],
        n1: ['ControlNetLoader', { control_net_name: 'control_v11p_canny.pth' }],
        n2: ['ControlNetLoader', { control_net_name: 'sd/openpose.safetensors' }],
        edges: ['Canny', { image: ['photo', 0], low_threshold: 0.4, high_threshold: 0.8 }],
        pose: ['DWPreprocessor', { image: ['photo', 0] }],
        photo: ['LoadImage', { image: 'a.png' }],
      }),
    ).toBe(
      ', ControlNet 0: "Module: none, Model: openpose, Weight: 0.8, Guidance Start: 0, Guidance End: 0.7", ' +
        'ControlNet 1: "Module: canny, Model: control_v11p_canny, Weight: 0.8, Guidance Start: 0, Guidance End: 0.7", ' +
        'ComfyUI nodes: DWPreprocessor',
    );
  });

  it('reads a sampler of several nodes, joined prompts and ControlNet in between', () => {
    const nodes = graph({
      ...common,
      sampler: [
        'SamplerCustomAdvanced',
        { noise: ['n', 0], guider: ['g', 0], sampler: ['s', 0], sigmas: ['z', 0], latent_image: ['latent', 0] },
      ],
      n: ['RandomNoise', { noise_seed: 5 }],
      g: ['CFGGuider', { cfg: 6.5, model: ['loader', 0], positive: ['control', 0], negative: ['control', 1] }],
      s: ['KSamplerSelect', { sampler_name: 'euler' }],
      z: ['BasicScheduler', { scheduler: 'normal', steps: 12, denoise: 0.6, model: ['loader', 0] }],
      control: ['ControlNetApplyAdvanced', { positive: ['both', 0], negative: ['negative', 0], strength: 1 }],
      both: ['ConditioningCombine', { conditioning_1: ['positive', 0], conditioning_2: ['more', 0] }],
      more: ['CLIPTextEncode', { text: 'embedding:toy.pt at (dusk:1.2)', clip: ['loader', 1] }],
    });
    expect(read({ prompt: nodes })).toBe(
      'a lighthouse AND toy at (dusk:1.2)\nNegative prompt: blurry\nSteps: 12, Sampler: euler, ' +
        'Schedule type: normal, CFG scale: 6.5, Seed: 5, Size: 512x768, Model: tiny-sd1, Denoising strength: 0.6, ComfyUI nodes: ControlNetApplyAdvanced',
    );
  });

  it('reads SamplerCustom with schedules and samplers as nodes, subgraphs, reroutes and named VAEs', () => {
    const nodes = graph({
      '12:loader': ['CheckpointLoaderSimple', { ckpt_name: 'tiny-sd1.v2.safetensors' }],
      '12:skip': ['Reroute', { '': ['12:loader', 0] }],
      latent: ['EmptyLatentImage', { width: 640, height: 448, batch_size: 1 }],
      a: ['CLIPTextEncode', { text: ['joined', 0], clip: ['12:loader', 1] }],
      joined: ['StringConcatenate', { string_a: 'a lighthouse', string_b: ['drawn', 0], delimiter: ', ' }],
      drawn: ['ImpactWildcardProcessor', { wildcard_text: '{dusk|dawn}', populated_text: 'dawn', mode: 'populate' }],
      b: ['CLIPTextEncode', { text: 'blurry', clip: ['12:loader', 1] }],
      sigmas: ['KarrasScheduler', { steps: 18, sigma_max: 14.6, sigma_min: 0.03, rho: 7 }],
      solver: ['SamplerDPMPP_2M_SDE', { solver_type: 'midpoint', eta: 1, s_noise: 1, noise_device: 'gpu' }],
      loras: [
        'Power Lora Loader',
        {
          model: ['12:skip', 0],
          lora_1: { on: true, lora: 'ink.safetensors', strength: 0.4 },
          lora_2: { on: false, lora: 'off', strength: 1 },
        },
      ],
      stack: [
        'CR LoRA Stack',
        {
          model: ['loras', 0],
          switch_1: 'On',
          lora_name_1: 'wood.safetensors',
          model_weight_1: 0.7,
          switch_2: 'Off',
          lora_name_2: 'no.pt',
          model_weight_2: 1,
          lora_name_3: 'None',
        },
      ],
      sampler: [
        'SamplerCustom',
        {
          add_noise: true,
          noise_seed: 77,
          cfg: 5.5,
          model: ['stack', 0],
          positive: ['a', 0],
          negative: ['b', 0],
          sampler: ['solver', 0],
          sigmas: ['sigmas', 0],
          latent_image: ['latent', 0],
        },
      ],
      vae: ['VAELoader', { vae_name: 'vae-ft-mse.safetensors' }],
    });
    expect(read({ prompt: nodes })).toBe(
      'a lighthouse, dawn <lora:wood:0.7> <lora:ink:0.4>\nNegative prompt: blurry\nSteps: 18, Sampler: dpmpp_2m_sde, ' +
        'Schedule type: karras, CFG scale: 5.5, Seed: 77, Size: 640x448, Model: tiny-sd1.v2, VAE: vae-ft-mse',
    );
  });

  it('reads nodes that change how the model is run, and names those that ask for rectified flow', () => {
    const chain = (nodes: Record<string, Node>): string | undefined => {
      const last = Object.keys(nodes).at(-1)!;
      const start = { ...sampling, ...linked, model: [last, 0], seed: 5, latent_image: ['latent', 0] };
      return read({ prompt: graph({ ...common, ...nodes, first: ['KSampler', start] }) });
    };
    const text = chain({
      zero: ['ModelSamplingDiscrete', { model: ['loader', 0], sampling: 'v_prediction', zsnr: true }],
      rescale: ['RescaleCFG', { model: ['zero', 0], multiplier: 0.7 }],
      free: ['FreeU', { model: ['rescale', 0], b1: 1.1, b2: 1.2, s1: 0.9, s2: 0.2 }],
      tome: ['TomePatchModel', { model: ['free', 0], ratio: 0.3 }],
      pag: ['PerturbedAttentionGuidance', { model: ['tome', 0], scale: 3 }],
    });
    expect(text).toContain('Token merging ratio: 0.3, PAG scale: 3, FreeU b1: 1.1, FreeU b2: 1.2, FreeU s1: 0.9');
    expect(text).toContain('CFG rescale: 0.7, Noise Schedule: Zero Terminal SNR');
    expect(text).not.toContain('ComfyUI nodes');
    const flow = chain({ shift: ['ModelSamplingSD3', { model: ['loader', 0], shift: 3 }] });
    expect(flow).toContain('ComfyUI nodes: ModelSamplingSD3');
    const lcm = chain({ lcm: ['ModelSamplingDiscrete', { model: ['loader', 0], sampling: 'lcm', zsnr: false }] });
    expect(lcm).toContain('ComfyUI nodes: ModelSamplingDiscrete');
  });

  it('reads loaders that hold everything, and two samplers that share the steps', () => {
    const loader: Node = [
      'Efficient Loader',
      {
        ckpt_name: 'x.ckpt',
        positive: 'a fox',
        negative: 'text',
        lora_name: 'ink.pt',
        lora_model_strength: 0.5,
        empty_latent_width: 64,
      },
    ];
    const share = { add_noise: 'enable', steps: 25, cfg: 7, sampler_name: 'euler', scheduler: 'normal' };
    const linked = { model: ['l', 0], positive: ['l', 1], negative: ['l', 2] };
    const nodes = graph({
      l: loader,
      base: ['KSamplerAdvanced', { ...share, ...linked, noise_seed: 4, end_at_step: 20, latent_image: ['l', 3] }],
      rest: ['KSamplerAdvanced', { ...share, ...linked, noise_seed: 4, start_at_step: 20, latent_image: ['base', 0] }],
    });
    expect(read({ prompt: nodes })).toBe(
      'a fox <lora:ink:0.5>\nNegative prompt: text\nSteps: 25, Sampler: euler, Schedule type: normal, CFG scale: 7, ' +
        'Seed: 4, Size: 64x96, Model: x',
    );
  });

  it('reads characters of NovelAI 4, and what InvokeAI 5 and Fooocus used beside', () => {
    const caption = {
      base_caption: 'two people',
      char_captions: [{ char_caption: 'girl, red hair' }, { char_caption: '' }],
    };
    const comment = {
      steps: 28,
      sampler: 'k_euler',
      noise_schedule: 'karras',
      scale: 5,
      cfg_rescale: 0.2,
      seed: 3,
      uc: 'lowres',
      v4_prompt: { caption },
    };
    expect(read({ Software: 'NovelAI', Description: 'two people', Comment: comment })).toBe(
      'two people, girl, red hair\nNegative prompt: lowres\nSteps: 28, Sampler: k_euler, Schedule type: karras, ' +
        'CFG scale: 5, Seed: 3, Size: 64x96, Clip skip: 2, ENSD: 31337, CFG rescale: 0.2',
    );
    const invoke = {
      positive_prompt: 'a fox',
      negative_prompt: '',
      width: 64,
      height: 96,
      seed: 1,
      rand_device: 'cpu',
      cfg_scale: 6,
      cfg_rescale_multiplier: 0,
      steps: 9,
      scheduler: 'dpmpp_2m_k',
      clip_skip: 0,
      seamless_x: false,
      model: { key: 'k', hash: 'blake3:00', name: 'tiny', base: 'sd-1', type: 'main' },
      vae: { key: 'v', name: 'mse' },
      loras: [{ model: { name: 'ink' }, weight: 0.6 }],
      controlnets: [{ image: {} }],
      ipAdapters: [],
    };
    expect(read({ invokeai_metadata: invoke })).toBe(
      'a fox <lora:ink:0.6>\nSteps: 9, Sampler: dpmpp_2m, Schedule type: karras, CFG scale: 6, Seed: 1, Size: 64x96, ' +
        'Model: tiny, VAE: mse, RNG: CPU, InvokeAI: controlnets',
    );
    const fooocus = {
      prompt: 'a fox',
      negative_prompt: '',
      steps: 30,
      seed: '5',
      sampler: 'dpmpp_2m_sde_gpu',
      scheduler: 'karras',
      guidance_scale: 4,
      resolution: '(64, 96)',
      base_model: 'juggernaut',
      refiner_model: 'tiny',
      refiner_switch: 0.8,
      loras: [['offset', 0.1, '4852686128']],
      vae: 'Default (model)',
      styles: "['Fooocus V2']",
      clip_skip: 2,
    };
    expect(read({ parameters: fooocus, fooocus_scheme: 'fooocus' })).toBe(
      'a fox <lora:offset:0.1>\nSteps: 30, Sampler: dpmpp_2m_sde, Schedule type: karras, CFG scale: 4, Seed: 5, ' +
        "Size: 64x96, Model: juggernaut, Clip skip: 2, Refiner: tiny, Refiner switch at: 0.8, Fooocus styles: ['Fooocus V2']",
    );
  });

  it('stays within bounds for graphs of circles and of ways that double', () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 200 }, (_, i): [string, Node] => [
        `c${i}`,
        ['ConditioningCombine', { conditioning_1: [`c${i + 1}`, 0], conditioning_2: [`c${i + 1}`, 0] }],
      ]),
    );
    const start = { ...sampling, seed: 1, ...linked, latent_image: ['latent', 0] };
    const first: Node = ['KSampler', { ...start, positive: ['c0', 0] }];
    const long: Node = ['CLIPTextEncode', { text: 'x'.repeat(100_000), clip: ['loader', 1] }];
    const text = read({ prompt: graph({ ...common, ...doubling, c12: long, first }) })!;
    expect(text.length).toBeLessThan(2 ** 20 + 100_000);
    const round: Node = ['KSampler', { ...start, positive: ['a', 0], latent_image: ['first', 0], seed: ['a', 0] }];
    const a: Node = ['Odd', { conditioning: ['b', 0], text: ['b', 0] }];
    expect(read({ prompt: graph({ ...common, first: round, a, b: ['Odd', { conditioning: ['a', 0] }] }) })).toContain(
      'Steps: 20',
    );
    const chain = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, i): [string, Node] => [`d${i}`, ['Odd', { conditioning: [`d${i + 1}`, 0] }]]),
    );
    expect(
      read({ prompt: graph({ ...common, ...chain, first: ['KSampler', { ...start, positive: ['d0', 0] }] }) }),
    ).toContain('Steps: 20');
  });

  it('reads InvokeAI and Fooocus', () => {
    const invoke = {
      positive_prompt: 'a lighthouse',
      negative_prompt: 'blurry',
      width: 64,
      height: 96,
      seed: 2711543120,
      cfg_scale: 7.5,
      steps: 30,
      scheduler: 'euler_a',
      model: { model_name: 'tiny-sd1' },
    };
    const same = 'a lighthouse\nNegative prompt: blurry\nSteps: 30, Sampler: euler_a';
    expect(read({ invokeai_metadata: invoke })).toBe(
      `${same}, CFG scale: 7.5, Seed: 2711543120, Size: 64x96, Model: tiny-sd1`,
    );
    const fooocus = {
      prompt: 'a lighthouse',
      negative_prompt: 'blurry',
      steps: 30,
      seed: '2711543120',
      sampler: 'dpmpp_2m_sde_gpu',
      scheduler: 'karras',
      guidance_scale: 4.0,
      resolution: '(64, 96)',
      base_model: 'tiny-sd1',
    };
    expect(read({ parameters: fooocus, fooocus_scheme: 'fooocus' })).toBe(
      'a lighthouse\nNegative prompt: blurry\nSteps: 30, Sampler: dpmpp_2m_sde, Schedule type: karras, ' +
        'CFG scale: 4, Seed: 2711543120, Size: 64x96, Model: tiny-sd1',
    );
  });

  it('reads InvokeAI 2, whose weights are compel’s and whose square brackets are the negative prompt', () => {
    const image = {
      prompt: [{ prompt: 'a (stormy)1.3 lighthouse [blurry, <bad-hands>], sea [text]', weight: 1 }],
      steps: 20,
      cfg_scale: 7.5,
      threshold: 0,
      perlin: 0.2,
      width: 64,
      height: 96,
      seed: 2711543120,
      type: 'txt2img',
      sampler: 'k_dpmpp_2',
      variations: [],
    };
    const file = { model_weights: 'stable-diffusion-1.5', app_version: 'v2.2.4', image };
    const words = 'a (stormy)1.3 lighthouse , sea\nNegative prompt: blurry, bad-hands, text\nSteps: 20, ';
    expect(read({ 'sd-metadata': file, Dream: 'other -s 3' })).toBe(
      `${words}Sampler: dpmpp_2m, Schedule type: karras, CFG scale: 7.5, Seed: 2711543120, Size: 64x96, ` +
        'Model: stable-diffusion-1.5, Emphasis: compel, InvokeAI: perlin',
    );
    expect(read({ 'sd-metadata': { ...file, app_version: '2.3.5' } })).not.toContain('Schedule type');
    expect(read({ 'sd-metadata': { ...file, image: { ...image, steps: 29 } } })).not.toContain('Schedule type');
    const parts = [
      { prompt: 'a lighthouse', weight: 1 },
      { prompt: 'a ship', weight: 0.5 },
    ];
    const follows = { ...image, prompt: parts, type: 'img2img', strength: 0.6, seamless: true };
    const more = read({ 'sd-metadata': { image: follows } });
    expect(more).toContain('(a lighthouse)1 (a ship)0.5\nSteps');
    expect(more).toContain('Denoising strength: 0.6, Tiling: True');
  });

  it('reads the command line that InvokeAI wrote before', () => {
    const line =
      '"a \\"red\\" lighthouse [blurry]" -s 50 -S 2711543120 -W 64 -H 96 -C 7.5 -A k_lms -f 0.6 --seamless -G 0.8';
    expect(read({ Dream: line })).toBe(
      'a "red" lighthouse\nNegative prompt: blurry\nSteps: 50, Sampler: lms, CFG scale: 7.5, Seed: 2711543120, ' +
        'Size: 64x96, Denoising strength: 0.6, Tiling: True, Emphasis: compel, InvokeAI: -G',
    );
    expect(read({ Dream: 'a lighthouse -s50 -S7 -W64 -H96 -C7.5 -Aplms' })).toBe(
      'a lighthouse\nSteps: 50, Sampler: plms, CFG scale: 7.5, Seed: 7, Size: 64x96',
    );
    for (const other of ['', 'a dream of mine', '-s']) expect(read({ Dream: other })).toBeUndefined();
  });

  it('reads SwarmUI, whose numbers may be texts, with its refiner as it acts', () => {
    const swarm = {
      prompt: 'a lighthouse',
      negativeprompt: 'blurry',
      model: 'sd/tiny-sd1',
      seed: '1',
      steps: 20,
      cfgscale: '7.0',
      width: 64,
      height: 96,
      sampler: 'dpmpp_2m',
      scheduler: 'karras',
      clipstopatlayer: -2,
      vae: 'Automatic',
      loras: ['styles/ink', 'wash'],
      loraweights: '0.8,1',
      variationseed: 9,
      variationseedstrength: 0,
      initimagecreativity: 0.6,
      swarm_version: '0.9.3.1',
    };
    const same =
      'a lighthouse <lora:ink:0.8> <lora:wash:1>\nNegative prompt: blurry\nSteps: 20, Sampler: dpmpp_2m, ' +
      'Schedule type: karras, CFG scale: 7.0, Seed: 1, Size: 64x96, Model: tiny-sd1';
    const of = (more: object): string | undefined =>
      read({ parameters: { sui_image_params: { ...swarm, ...more }, sui_extra_data: { date: '2024-11-13' } } });
    expect(of({})).toBe(`${same}, Clip skip: 2`);
    const refined = { refinercontrolpercentage: 0.2, refinermodel: 'xl/refiner', refinermethod: 'StepSwap' };
    expect(of(refined)).toBe(`${same}, Clip skip: 2, Refiner: refiner, Refiner switch at: 0.8`);
    const after = { refinercontrolpercentage: '0.4', refinerupscale: 1.5, refinerupscalemethod: 'model-4x-Sharp.pth' };
    expect(of({ ...after, controlnetmodel: 'canny' })).toBe(
      `${same}, Denoising strength: 0.4, Clip skip: 2, Hires upscale: 1.5, Hires upscaler: 4x-Sharp, SwarmUI: controlnetmodel`,
    );
    const plain = { loras: 'ink', loraweights: undefined, variationseedstrength: 0.3, initimage: 'x', vae: 'fine.sft' };
    expect(of(plain)).toContain(
      'VAE: fine, Variation seed: 9, Variation seed strength: 0.3, Denoising strength: 0.6, Clip skip: 2',
    );
  });

  it('reads Draw Things out of XMP, and out of a comment', () => {
    const settings = {
      c: 'a "lighthouse" & <sea>',
      uc: 'blurry',
      model: 'tiny_sd1_f16.ckpt',
      sampler: 'DPM++ 2M Karras',
      scale: 4.5,
      seed: 2441935286,
      size: '64x96',
      steps: 8,
      strength: 1,
      v2: {
        loras: [{ file: 'detail.ckpt', weight: 0.8, mode: 'all' }],
        clipSkip: 2,
        hiresFix: true,
        refinerModel: null,
      },
    };
    const text =
      'a "lighthouse" & <sea> <lora:detail:0.8>\nNegative prompt: blurry\nSteps: 8, Sampler: DPM++ 2M, ' +
      'Schedule type: Karras, CFG scale: 4.5, Seed: 2441935286, Size: 64x96, Model: tiny_sd1_f16, Clip skip: 2, ' +
      'Draw Things: hiresFix';
    const escaped = JSON.stringify(settings).replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;' })[c] ?? '&#x3E;');
    const xmp = (tool: string): string =>
      `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description><xmp:CreatorTool>${tool}</xmp:CreatorTool>` +
      `<exif:UserComment>\n<rdf:Alt><rdf:li xml:lang="x-default">${escaped}</rdf:li></rdf:Alt></exif:UserComment>` +
      '</rdf:Description></rdf:RDF></x:xmpmeta>';
    expect(read({ 'XML:com.adobe.xmp': xmp('Draw Things') })).toBe(text);
    expect(read({ parameters: settings })).toBe(text);
    expect(read({ 'XML:com.adobe.xmp': xmp('GIMP') })).toBeUndefined();
    expect(
      read({ 'XML:com.adobe.xmp': '<xmp:CreatorTool>Draw Things</xmp:CreatorTool><exif:UserComment>' }),
    ).toBeUndefined();
  });

  it('reads Easy Diffusion, each setting a text of its own, by either name, or all in one', () => {
    const text =
      'a lighthouse <lora:ink:0.5> <lora:wash:0.25>\nNegative prompt: blurry\nSteps: 25, Sampler: euler_a, CFG scale: 7.5, ' +
      'Seed: 77, Size: 64x96, Model: tiny-sd1, Clip skip: 2, Easy Diffusion: use_upscale';
    const stored = {
      prompt: 'a lighthouse',
      negative_prompt: 'blurry',
      seed: '77',
      use_stable_diffusion_model: 'sd/tiny-sd1',
      clip_skip: 'True',
      use_vae_model: 'None',
      sampler_name: 'euler_a',
      width: '64',
      height: '96',
      num_inference_steps: '25',
      guidance_scale: '7.5',
      use_lora_model: "['styles/ink', 'wash']",
      lora_alpha: '[0.5, 0.25]',
      tiling: 'none',
      use_upscale: 'RealESRGAN_x4plus',
    };
    expect(read(stored)).toBe(text);
    const lists = { ...stored, clip_skip: true, use_lora_model: ['styles/ink', 'wash'], lora_alpha: [0.5, 0.25] };
    expect(read({ parameters: lists })).toBe(text);
    const shown = {
      Prompt: 'a lighthouse',
      Steps: '25',
      Seed: '77',
      Sampler: 'unipc_snr_2',
      'Stable Diffusion model': 'tiny-sd1',
      'Seamless Tiling': 'xy',
      'Prompt Strength': '0.6',
      'Hypernetwork model': 'hn',
      'Hypernetwork Strength': '0.7',
    };
    expect(read(shown)).toBe(
      'a lighthouse <hypernet:hn:0.7>\nSteps: 25, Sampler: unipc, Seed: 77, Model: tiny-sd1, Denoising strength: 0.6, Tiling: True',
    );
  });

  it('takes nothing for a program’s that is not', () => {
    expect(foreignKeywords).toContain('prompt');
    for (const texts of [{}, { prompt: 'a fox' }, { prompt: [] }, { prompt: { 1: {} } }, { invokeai_metadata: '[' }]) {
      expect(read(texts)).toBeUndefined();
    }
  });
});
