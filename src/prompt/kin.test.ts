import { expect, it } from 'vitest';
import { parseInfotext } from './infotext.ts';
import { withKinKeys } from './kin.ts';

const read = (text: string) => withKinKeys(parseInfotext(text));

it('reads Fooocus with A1111’s scheme', () => {
  const text =
    'a fox\nNegative prompt: blur\nSteps: 30, Sampler: DPM++ 2M SDE, Seed: 123, Size: 1152x896, CFG scale: 4, ' +
    'Scheduler: karras, VAE: Default (model), Lora hashes: "ink: aa, wash: bb", Lora weights: "ink: 0.1, wash: 1.0"';
  const { Prompt, 'Schedule type': schedule, VAE } = read(text);
  expect([Prompt, schedule, VAE]).toEqual(['a fox <lora:ink:0.1> <lora:wash:1.0>', 'karras', undefined]);
});

it('reads SD.Next', () => {
  const text =
    'a fox\nSteps: 20, Size: 512x768, Sampler: DPM++ 2M, Sampler sigma: karras, Seed: 5, Hires scale: 2, VAE: mse';
  expect(read(text)).toMatchObject({ 'Schedule type': 'karras', 'Hires upscale': '2', VAE: 'mse' });
});

it('leaves what A1111 says itself', () => {
  const text =
    'a <lora:ink:1>\nSteps: 20, Sampler: Euler, Schedule type: Beta, Scheduler: karras, Seed: 1, Lora weights: "ink: 0.5"';
  expect(read(text)).toMatchObject({ 'Schedule type': 'Beta', Prompt: 'a <lora:ink:1>' });
});
