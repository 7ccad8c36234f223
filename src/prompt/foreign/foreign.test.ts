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
      up: ['LatentUpscale', { samples: ['first', 0], width: 1024, height: 1536 }],
      lora: ['LoraLoader', { lora_name: 'styles\\ink.safetensors', strength_model: 0.8, model: ['loader', 0] }],
      first: [
        'KSampler',
        { ...sampling, ...linked, model: ['lora', 0], seed: ['seed', 0], latent_image: ['latent', 0] },
      ],
      seed: ['Seed', { seed: 8456123456789 }],
    });
    expect(read({ prompt: nodes })).toBe(
      'a lighthouse <lora:ink:0.8>\nNegative prompt: blurry\nSteps: 20, Sampler: dpmpp_2m_sde, ' +
        'Schedule type: karras, CFG scale: 8, Seed: 8456123456789, Size: 512x768, Model: tiny-sd1, Clip skip: 2',
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
        'Schedule type: normal, CFG scale: 6.5, Seed: 5, Size: 512x768, Model: tiny-sd1, Denoising strength: 0.6',
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

  it('takes nothing for a program’s that is not', () => {
    expect(foreignKeywords).toContain('prompt');
    for (const texts of [{}, { prompt: 'a fox' }, { prompt: [] }, { prompt: { 1: {} } }, { invokeai_metadata: '[' }]) {
      expect(read(texts)).toBeUndefined();
    }
  });
});
