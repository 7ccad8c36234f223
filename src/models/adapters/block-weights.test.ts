import { describe, expect, it } from 'vitest';
import { blockWeights } from './block-weights.ts';
import type { AdaptedModule } from './modules.ts';

const at = (name: string): AdaptedModule => ({ name, component: name.split('.')[0]! }) as AdaptedModule;
/** One of a kind for each block of SD 1, with its number in latent diffusion's count. */
const places = [
  ['text_encoder.text_model.encoder.layers.0.mlp.fc1', 'BASE'],
  ['unet.conv_in', 'IN00'],
  ['unet.down_blocks.0.attentions.0.proj_in', 'IN01'],
  ['unet.down_blocks.0.resnets.1.conv1', 'IN02'],
  ['unet.down_blocks.0.downsamplers.0.conv', 'IN03'],
  ['unet.down_blocks.2.attentions.1.proj_in', 'IN08'],
  ['unet.down_blocks.3.resnets.1.conv1', 'IN11'],
  ['unet.mid_block.attentions.0.proj_in', 'M00'],
  ['unet.up_blocks.0.resnets.0.conv1', 'OUT00'],
  ['unet.up_blocks.0.upsamplers.0.conv', 'OUT02'],
  ['unet.up_blocks.1.attentions.0.proj_in', 'OUT03'],
  ['unet.up_blocks.3.attentions.2.proj_in', 'OUT11'],
] as const;

describe('block weights', () => {
  it('of 26 numbers name every block', () => {
    const names = ['BASE', ...Array.from({ length: 12 }, (_, i) => `IN${String(i).padStart(2, '0')}`), 'M00'];
    names.push(...Array.from({ length: 12 }, (_, i) => `OUT${String(i).padStart(2, '0')}`));
    const weights = blockWeights(names.map((_, i) => i + 1).join());
    for (const [name, block] of places) expect(weights(at(name)), name).toBe(names.indexOf(block) + 1);
    expect(weights(at('unet.time_embedding.linear_1'))).toBe(1);
  });

  it('of 17 leave blocks without a transformer out', () => {
    const weights = blockWeights('0.5,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16');
    const got = Object.fromEntries(places.map(([name, block]) => [block, weights(at(name))]));
    expect(got).toEqual({
      BASE: 0.5,
      IN00: 0,
      IN01: 1,
      IN02: 2,
      IN03: 0,
      IN08: 6,
      IN11: 0,
      M00: 7,
      OUT00: 0,
      OUT02: 0,
      OUT03: 8,
      OUT11: 16,
    });
  });

  it('have names for usual lists', () => {
    const out = blockWeights('OUTD');
    expect([places[0][0], places[2][0], places[10][0], places[11][0]].map((name) => out(at(name)))).toEqual([
      1, 0, 1, 0,
    ]);
  });

  it.each(['1,2,3', 'NOSUCH', '1,1,1,1,1,1,1,1,1,1,1,x'])('%s is refused', (text) => {
    expect(() => blockWeights(text)).toThrow(/lbw takes 12, 17, 20, 26 numbers or one of NONE, ALL/);
  });
});
