import { expect, it } from 'vitest';
import { f32, type HostTensor } from '#core/tensor';
import { withDecoder } from './replace-decoder.ts';

const weights = (encoder: number, decoder: number): Map<string, HostTensor> =>
  new Map([
    ['vae.encoder.conv_in.weight', f32([1], [encoder])],
    ['vae.quant_conv.bias', f32([1], [encoder])],
    ['vae.post_quant_conv.bias', f32([1], [decoder])],
    ['vae.decoder.conv_in.weight', f32([1], [decoder])],
  ]);

const model = new Map([...weights(1, 2), ['unet.conv_in.weight', f32([1], [7])]]);

it('takes the decoder of a run and nothing else', () => {
  const merged = withDecoder(model, weights(1, 3));
  expect([...merged].map(([name, { data }]) => [name, data[0]])).toEqual([
    ['vae.encoder.conv_in.weight', 1],
    ['vae.quant_conv.bias', 1],
    ['vae.post_quant_conv.bias', 3],
    ['vae.decoder.conv_in.weight', 3],
    ['unet.conv_in.weight', 7],
  ]);
});

it('refuses the decoder of another encoder', () => {
  expect(() => withDecoder(model, weights(4, 3))).toThrow(/vae\.encoder\.conv_in\.weight of the run is not the model/);
});
