import { describe, expect, it } from 'vitest';
import { createNoiseSource } from '#diffusion/noise-source';
import { stableDiffusionTable } from '#diffusion/noise-table';
import { asSigma, type Latent } from '#diffusion/numbers';
import { planSampling } from '#diffusion/sample';
import { findSampler } from '#diffusion/samplers/index';
import { keepUnmasked, showUnmasked } from './denoiser.ts';

const table = stableDiffusionTable();
const original = Float32Array.of(0.5, -1, 2, 0.25);
const mask = Float32Array.of(1, 0, 1, 0);

/** Predicts noise as a network would: a fixed linear map of its variance-preserving input. */
const noiseOf = (x: number) => 0.8 * x + 0.1;

/** The denoiser of that network, and what it was shown. */
function recorder() {
  const shown: number[][] = [];
  const denoise = async (x: Latent, sigma: number) => {
    const scale = Math.sqrt(1 + sigma * sigma);
    shown.push(Array.from(x, (v) => v / scale));
    return x.map((v) => v - sigma * noiseOf(v / scale));
  };
  return { shown, denoise };
}

describe('an ordinary network with a mask', () => {
  it('is shown the clean original and gives the noise alone, with samplers on timesteps', async () => {
    const { shown, denoise } = recorder();
    const sigma = asSigma(2);
    const scale = Math.sqrt(1 + sigma ** 2);
    const vp = [0.3, -0.4, 1.1, 0.7];
    const denoised = await showUnmasked(
      denoise,
      original,
      mask,
    )(
      Float64Array.from(vp, (v) => v * scale),
      sigma,
    );
    const blended = vp.map((v, i) => mask[i]! * v + (1 - mask[i]!) * original[i]!);
    blended.forEach((v, i) => {
      expect(shown[0]![i]).toBeCloseTo(v, 12);
      // pred_x0 = (x - sqrt(1 - alpha-bar) e) / sqrt(alpha-bar), of the sampler's own x.
      expect(denoised[i]).toBeCloseTo(vp[i]! * scale - sigma * noiseOf(v), 12);
    });
  });

  it('has its result blended with all others', async () => {
    const { denoise } = recorder();
    const x = Float64Array.of(1, 2, 3, 4);
    const free = await denoise(x, 3);
    const kept = await keepUnmasked(denoise, original, mask)(x, asSigma(3));
    expect([...kept]).toEqual([free[0], original[1], free[2], original[3]]);
  });

  it('follows upstream’s DDIM step by step', async () => {
    const plan = planSampling({ sampler: 'DDIM', steps: 5, strength: 0.8, table });
    const unit = createNoiseSource({ kind: 'cpu', seeds: [3], shape: [1, 2, 2] }).first();
    const x = plan.start(Float64Array.from(unit), Float64Array.from(original));
    const denoise = showUnmasked(recorder().denoise, original, mask);
    const got: Latent[] = [];
    for await (const step of plan.run({ denoise, x, noise: () => x })) got.push(step.x.slice());

    // modules/sd_samplers_timesteps_impl.py, ddim, around CFGDenoiser's blend before the network.
    let state = [...x];
    const alphaBar = (t: number) => 1 / (1 + table.sigmaAt(t) ** 2);
    const timesteps = plan.schedule.timesteps!;
    for (let i = 0; i < timesteps.length - 1; i++) {
      const [a, b] = [alphaBar(timesteps[i]!), alphaBar(timesteps[i + 1]!)];
      state = state.map((v, k) => {
        const e = noiseOf(v * mask[k]! + original[k]! * (1 - mask[k]!));
        return (Math.sqrt(b) * (v - Math.sqrt(1 - a) * e)) / Math.sqrt(a) + Math.sqrt(1 - b) * e;
      });
      for (const [k, v] of state.entries()) expect(got[i]![k]).toBeCloseTo(v, 9);
    }
  });

  it('is masked before it in the rows where upstream does so', () => {
    for (const name of ['DDIM', 'PLMS', 'UniPC']) expect(findSampler(name).maskBefore).toBe(true);
    for (const name of ['Euler', 'LCM', 'DPM++ 2M', 'Restart']) expect(findSampler(name).maskBefore).toBeUndefined();
  });
});
