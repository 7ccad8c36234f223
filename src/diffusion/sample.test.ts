import { describe, expect, it } from 'vitest';
import { UnknownNameError } from './named.ts';
import { createNoiseSource } from './noise-source.ts';
import {
  alphaBarOfSigma,
  alphasCumprod,
  halfTable,
  linearBetas,
  scaledLinearBetas,
  stableDiffusionTable,
} from './noise-table.ts';
import type { Latent, Sigma } from './numbers.ts';
import {
  cleanFrom,
  createDenoiser,
  type Denoise,
  noiseFrom,
  type Prediction,
  predictionFrom,
  scaleInput,
} from './parameterization.ts';
import { diffusersFirstStep, planSampling, type SamplingOptions } from './sample.ts';
import { findSampler, findSamplerAndScheduler, samplers } from './samplers/index.ts';
import { findScheduler, schedulers, scheduleSigmas } from './schedules.ts';
import { diffusersDdimSchedule, diffusersEulerSchedule, webuiTimesteps, withRoundedTimesteps } from './timesteps.ts';

const table = stableDiffusionTable();
const shape = [4, 2, 2] as const;
const half: Denoise = async (x, sigma) => x.map((value) => value / (1 + sigma * sigma));

function recorder(denoise: Denoise = half) {
  const calls: { x: Latent; sigma: Sigma }[] = [];
  const recorded: Denoise = (x, sigma) => {
    calls.push({ x: x.slice(), sigma });
    return denoise(x, sigma);
  };
  return { calls, denoise: recorded };
}

async function runPlan(options: Omit<SamplingOptions, 'table'>, seeds: readonly number[], image?: Latent) {
  const plan = planSampling({ ...options, table });
  const source = createNoiseSource({ kind: 'cpu', seeds, shape });
  const x = plan.start(source.first(), image);
  const before = x.slice();
  const { calls, denoise } = recorder();
  const states: Latent[] = [];
  for await (const step of plan.run({ denoise, x, noise: source })) states.push(step.x.slice());
  return { plan, calls, states, x, before };
}

describe.each(samplers.map((row) => row.name))('%s', (name) => {
  it.each([1, 2, 3, 12])('costs what its row says for %s steps and stays finite', async (steps) => {
    const { plan, calls, states } = await runPlan({ sampler: name, steps }, [5]);
    if (plan.cost) expect({ steps: states.length, evaluations: calls.length }).toEqual(plan.cost);
    expect(states.length).toBeGreaterThan(0);
    expect(states.at(-1)!.every(Number.isFinite)).toBe(true);
    expect(states.at(-1)).toBeInstanceOf(Float32Array);
  });

  it('stays finite with every schedule, few steps and a picture that hardly changes', async () => {
    const image = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i));
    const asked = [{ steps: 1 }, { steps: 2 }, { steps: 3, discardPenultimate: true }, { steps: 20, strength: 0.05 }];
    for (const scheduler of findSampler(name).grid ? ['Automatic'] : schedulers.map((row) => row.name)) {
      for (const options of asked) {
        const { states } = await runPlan(
          { sampler: name, scheduler, ...options },
          [5],
          options.strength ? image : undefined,
        );
        expect(states.length, scheduler).toBeGreaterThan(0);
        expect(states.at(-1)!.every(Number.isFinite), `${scheduler} ${JSON.stringify(options)}`).toBe(true);
      }
    }
  });

  it('leaves the start latent unchanged', async () => {
    const { x, before } = await runPlan({ sampler: name, steps: 4 }, [5]);
    expect(x).toEqual(before);
  });

  it('gives an image the same latent alone and in a batch', async () => {
    if (findSampler(name).batchCoupled) return;
    const together = await runPlan({ sampler: name, steps: 6 }, [7, 8]);
    const alone = await runPlan({ sampler: name, steps: 6 }, [8]);
    expect(together.states.at(-1)!.slice(16)).toEqual(alone.states.at(-1));
  });

  it('goes on from what the caller writes into a step', async () => {
    const plan = planSampling({ sampler: name, steps: 6, table });
    const source = createNoiseSource({ kind: 'cpu', seeds: [3], shape });
    const { calls, denoise } = recorder();
    let written = -1;
    for await (const step of plan.run({ denoise, x: plan.start(source.first()), noise: source })) {
      if (written === -1) {
        step.x.fill(0);
        written = calls.length;
      }
    }
    // UniPC's next question is asked at its next prediction, which also follows earlier estimates.
    const limit = name.startsWith('UniPC') ? 2 : 0;
    expect(Math.max(...calls[written]!.x.map(Math.abs))).toBeLessThanOrEqual(limit);
  });

  it('takes at least one step for any strength', async () => {
    for (const strength of [0, 0.03, 0.5, 0.999, 1]) {
      const image = Float32Array.from({ length: 16 }, (_, i) => i / 16);
      const { states } = await runPlan({ sampler: name, steps: 10, strength }, [1], image);
      expect(states.length).toBeGreaterThan(0);
      expect(states.at(-1)!.every(Number.isFinite)).toBe(true);
    }
  });
});

describe('planning', () => {
  it('resolves Automatic to the sampler’s own schedule', () => {
    const scheduleName = (sampler: string) => planSampling({ sampler, steps: 5, table }).scheduler?.name;
    expect(scheduleName('DPM++ 2M')).toBe('Karras');
    expect(scheduleName('DPM++ 2M SDE')).toBe('Exponential');
    expect(scheduleName('Euler a')).toBe('Uniform');
    expect(scheduleName('DDIM')).toBeUndefined();
  });

  it('drops the last noise level but one where the web UI does', () => {
    const { schedule } = planSampling({ sampler: 'DPM2', scheduler: 'Uniform', steps: 4, table });
    const five = scheduleSigmas(findScheduler('Uniform'), 5, table);
    expect(schedule.sigmas).toEqual([five[0], five[1], five[2], five[3], 0]);
  });

  it('enters the schedule midway as the web UI does', () => {
    const whole = scheduleSigmas(findScheduler('Karras'), 20, table);
    const plan = planSampling({ sampler: 'DPM++ 2M', steps: 20, strength: 0.5, table });
    expect(plan.schedule.sigmas).toEqual(whole.slice(9));
    const image = Float64Array.from({ length: 16 }, (_, i) => i);
    const noise = image.map((value) => value - 5);
    expect(plan.start(noise, image)[3]).toBeCloseTo(3 + whole[9]! * -2, 10);
  });

  it('raises the picture of a timestep sampler one entry above its first step, as the web UI does', () => {
    const timesteps = webuiTimesteps(20);
    const plan = planSampling({ sampler: 'DDIM', steps: 20, strength: 0.5, table });
    expect(plan.schedule.timesteps).toEqual(timesteps.slice(0, 10).reverse());
    const alphaBar = alphaBarOfSigma(table.sigmaAt(timesteps[10]!));
    const started = plan.start(Float64Array.of(1), Float64Array.of(2));
    expect(started[0]).toBeCloseTo(2 * Math.sqrt(alphaBar) + Math.sqrt(1 - alphaBar), 12);
  });

  it.each(['DPM fast', 'DPM adaptive'])(
    '%s goes over the model’s own levels, whatever the schedule',
    async (sampler) => {
      for (const scheduler of ['Karras', 'Align Your Steps', 'DDIM', 'KL Optimal']) {
        const settings = { sigmaMin: 0.1, sigmaMax: 10 };
        const plan = planSampling({ sampler, scheduler, steps: 7, scheduleSettings: settings, table });
        const levels: number[] = [];
        const denoise: Denoise = async (x, sigma) => {
          levels.push(sigma);
          return x;
        };
        for await (const step of plan.run({ denoise, x: Float64Array.of(1), noise: () => Float64Array.of(0) })) {
          levels.push(step.sigma);
        }
        expect(Math.max(...levels)).toBeCloseTo(table.sigmas[999]!, 9);
        expect(Math.min(...levels)).toBeCloseTo(table.sigmas[0]!, 4);
        // The picture starts at the schedule's level all the same.
        const first = scheduleSigmas(findScheduler(scheduler), 7, table, settings)[0]!;
        expect(plan.start(Float64Array.of(1))[0]).toBeCloseTo(first, 9);
        if (plan.cost) expect(plan.cost.evaluations).toBe(7);
      }
      const partial = planSampling({ sampler, scheduler: 'Karras', steps: 7, strength: 0.5, table });
      expect(partial.schedule.sigmas).toEqual(scheduleSigmas(findScheduler('Karras'), 7, table).slice(3));
    },
  );

  it.each([
    ['DPM fast', 'Align Your Steps', 1, undefined],
    ['DPM fast', 'Align Your Steps', 20, 0.01],
    ['DPM adaptive', 'Align Your Steps', 20, 0.01],
    ['DPM++ 3M SDE', 'Simple', 1000, undefined],
    ['DPM2', 'Simple', 1000, undefined],
    ['UniPC diffusers', undefined, 1000, undefined],
  ])('%s with %s at %s steps, strength %s, stays finite', async (sampler, scheduler, steps, strength) => {
    const image = strength === undefined ? undefined : new Float32Array(16);
    const { plan, calls, states } = await runPlan({ sampler, scheduler, steps, strength }, [5], image);
    expect(states.at(-1)!.every(Number.isFinite)).toBe(true);
    if (plan.cost) expect({ steps: states.length, evaluations: calls.length }).toEqual(plan.cost);
  });

  it('starts at unit variance where asked', () => {
    const plan = planSampling({ sampler: 'Euler', steps: 3, table, startScale: 'unit-variance' });
    expect(plan.start(Float64Array.of(1))[0]).toBeCloseTo(Math.sqrt(1 + table.sigmas[999]! ** 2), 10);
  });

  it.each([-0.1, 1.5, Number.NaN])('refuses the strength %s', (strength) => {
    expect(() => planSampling({ sampler: 'Euler', steps: 3, strength, table })).toThrow(/from 0 to 1; got/);
  });

  it.each(['Eular', 'DPM++', '', 'ディフ'])('names the nearest for the unknown sampler %j', (name) => {
    expect(() => planSampling({ sampler: name, steps: 3, table })).toThrow(UnknownNameError);
  });

  it('splits the web UI’s older combined names', () => {
    const labels = (name: string, scheduler?: string) => {
      const found = findSamplerAndScheduler(name, scheduler);
      return [found.sampler.name, found.scheduler.name];
    };
    expect(labels('DPM++ 2M Karras')).toEqual(['DPM++ 2M', 'Karras']);
    expect(labels('DPM++ 2M SDE Heun Exponential')).toEqual(['DPM++ 2M SDE Heun', 'Exponential']);
    expect(labels('k_euler_a', 'SGMUniform')).toEqual(['Euler a', 'SGM Uniform']);
    expect(labels('DDIM')).toEqual(['DDIM', 'Automatic']);
  });
});

describe('diffusers’ schedules', () => {
  const round = (values: readonly number[], digits = 5) => values.map((value) => Number(value.toPrecision(digits)));

  it('DDIM leading', () => {
    const { sigmas, timesteps } = diffusersDdimSchedule(8, table);
    expect(timesteps).toEqual([876, 751, 626, 501, 376, 251, 126, 1]);
    expect(sigmas.at(-1)).toBe(table.sigmas[0]);
    const later = planSampling({ sampler: 'DDIM diffusers', steps: 8, firstStep: diffusersFirstStep(8, 0.6), table });
    expect(later.schedule.timesteps).toEqual([376, 251, 126, 1]);
    expect(later.cost).toEqual({ steps: 4, evaluations: 4 });
  });

  it('Euler linspace, with fractional timesteps', () => {
    const schedule = diffusersEulerSchedule(8, table, { spacing: 'linspace' });
    expect(round(schedule.timesteps!)).toEqual([999, 856.29, 713.57, 570.86, 428.14, 285.43, 142.71, 0]);
    expect(round(schedule.sigmas)).toEqual([14.615, 6.678, 3.5221, 2.0606, 1.2768, 0.79126, 0.43967, 0.029167, 0]);
    const plan = planSampling({ sampler: 'Euler', steps: 8, schedule, table });
    expect(schedule.sigmas.slice(0, 8).map(plan.timestepOf)).toEqual(schedule.timesteps);
  });

  it('Karras with rounded timesteps', () => {
    const schedule = withRoundedTimesteps(scheduleSigmas(findScheduler('Karras'), 8, table), table);
    expect(schedule.timesteps).toEqual([999, 890, 746, 549, 299, 90, 12, 0]);
  });

  it('Euler leading', () => {
    const { sigmas } = diffusersEulerSchedule(6, table, { spacing: 'leading' });
    expect(round(sigmas, 4)).toEqual([5.906, 2.907, 1.613, 0.9324, 0.4947, 0.04131, 0]);
  });
});

describe('parameterisations', () => {
  const clean = Float64Array.from([0.3, -1.2, 2]);
  const noise = Float64Array.from([1.1, -0.4, 0.2]);

  it.each(['eps', 'v', 'x0', 'flow'] as const)('%s finds the clean latent', async (prediction) => {
    const sigma = (prediction === 'flow' ? 0.6 : 3.7) as Sigma;
    const alpha = Math.sqrt(alphaBarOfSigma(sigma));
    const target: Record<Prediction, (i: number) => number> = {
      eps: (i) => noise[i]!,
      v: (i) => alpha * noise[i]! - alpha * sigma * clean[i]!,
      x0: (i) => clean[i]!,
      flow: (i) => noise[i]! - clean[i]!,
    };
    const noised = clean.map((value, i) =>
      prediction === 'flow' ? (1 - sigma) * value + sigma * noise[i]! : value + sigma * noise[i]!,
    );
    let seen: { x: Latent; t: number } | undefined;
    const denoise = createDenoiser({
      network: async (x, t) => {
        seen = { x, t };
        return clean.map((_, i) => target[prediction](i));
      },
      prediction,
      table,
    });
    const denoised = await denoise(noised, sigma);
    for (let i = 0; i < 3; i++) expect(denoised[i]).toBeCloseTo(clean[i]!, 12);
    expect(seen).toEqual({ x: scaleInput(prediction, noised, sigma), t: table.timestepAt(sigma) });
  });

  it.each(['eps', 'v', 'x0', 'flow'] as const)('%s turns into its parts and back', (prediction) => {
    const sigma = prediction === 'flow' ? 0.6 : 3.7;
    const x = clean.map((v, i) => (prediction === 'flow' ? (1 - sigma) * v : v) + sigma * noise[i]!);
    const input = scaleInput(prediction, x, sigma);
    const output = predictionFrom(prediction, input, clean, sigma);
    const [found, n] = [cleanFrom(prediction, input, output, sigma), noiseFrom(prediction, input, output, sigma)];
    for (let i = 0; i < 3; i++) {
      expect(found[i]).toBeCloseTo(clean[i]!, 12);
      expect(n[i]).toBeCloseTo(noise[i]!, 12);
    }
  });

  it('rounds timesteps where asked', async () => {
    const timesteps: number[] = [];
    const network = async (x: Latent, t: number) => {
      timesteps.push(t);
      return x;
    };
    const sigma = table.sigmaAt(500.4);
    for (const quantize of [false, true]) {
      await createDenoiser({ network, prediction: 'eps', table, quantize })(clean, sigma);
    }
    expect(timesteps[0]).toBeCloseTo(500.4, 9);
    expect(timesteps[1]).toBe(500);
  });
});

describe('short and odd runs of the web UI', () => {
  const wave = (k: number) => Float64Array.from({ length: 6 }, (_, i) => Math.sin(1.7 * k + 2.3 * i + 0.5) * 1.2);
  const network = async (x: Latent, t: number) =>
    x.map((v, i) => Math.tanh(0.7 * v + 0.001 * t * Math.cos(i)) + 0.1 * Math.sin(3 * v + i)) as Latent;

  // A1111 v1.10.1's samplers and k-diffusion's, run on this network, noise and picture.
  it.each([
    ['PLMS', 'Automatic', 2, undefined, [0.600784, 0.350204, -1.030146, 1.130314, -0.241423, -0.642594]],
    ['PLMS', 'Automatic', 7, 0.3, [0.029693, 0.182951, -0.374579, 0.290873, 0.070981, -0.260274]],
    ['DPM fast', 'KL Optimal', 7, 0.62, [0.333998, -0.516373, -0.278343, 1.23773, -0.390151, 0.066251]],
    ['DPM adaptive', 'KL Optimal', 7, 0.62, [-0.063388, -0.256774, -0.25935, 0.877564, 0.128491, -0.195162]],
  ] as const)('of %s with %s at %i steps, strength %s', async (sampler, scheduler, steps, strength, expected) => {
    const plan = planSampling({ sampler, scheduler, steps, table, strength });
    const denoise = createDenoiser({ network, prediction: 'eps', table, timestepOf: plan.timestepOf });
    const image = strength === undefined ? undefined : (wave(1000).map((v) => 0.4 * v) as Latent);
    let draws = 0;
    const noise = () => wave(++draws) as Latent;
    let x = plan.start(wave(0), image);
    for await (const step of plan.run({ denoise, x, noise })) x = step.x.slice();
    expect([...x]).toEqual(expected.map((value) => expect.closeTo(value, 4)));
  });
});

describe('levels in half precision', () => {
  const products = alphasCumprod(scaledLinearBetas());

  it('are those of k-diffusion on products of alphas in halves', () => {
    // PyTorch 2.13 with float16 and DiscreteSchedule of k-diffusion's external.py.
    const half = halfTable(products, 'levels')!;
    expect([0, 1, 500, 998, 999].map((i) => half.sigmas[i])).toEqual([
      0.03125, 0.038299560546875, 1.6181640625, 14.5234375, 14.609375,
    ]);
    for (const [sigma, timestep] of [
      [0.05, 2.06029],
      [0.5, 169.24347],
      [3.3, 697.39417],
      [12, 965.75745],
    ] as const) {
      expect(half.timestepAt(sigma)).toBeCloseTo(timestep, 3);
    }
    for (const [timestep, sigma] of [
      [999, 14.609041],
      [500.25, 1.6194987],
      [0, 0.03127789],
    ] as const) {
      expect(half.sigmaAt(timestep)).toBeCloseTo(sigma, 5);
    }
  });

  it('are rounded once for samplers that read the products', () => {
    const half = halfTable(products, 'products')!;
    expect([0, 500, 999].map((i) => alphaBarOfSigma(half.sigmas[i]!))).toEqual(
      [0.9990234375, 0.2763671875, 0.00466156005859375].map((value) => expect.closeTo(value, 12)),
    );
  });

  it('are given up where halves cannot tell two of them apart', () => {
    expect(halfTable(alphasCumprod(linearBetas(1e-5, 1e-5)), 'levels')).toBeUndefined();
  });
});

describe('exact steps of a picture that enters midway', () => {
  it.each([
    ['Euler', 0.7, 10, 14],
    ['Euler', 1, 10, 10],
    ['DPM++ 2M', 0.25, 3, 12],
    ['DDIM', 0.5, 4, 8],
  ])('%s at strength %d runs %d steps of a schedule of %d', (sampler, strength, steps, total) => {
    const plan = planSampling({ sampler, steps, strength, exactSteps: true, table });
    const whole = planSampling({ sampler, steps: total, strength, table, firstStep: total - steps });
    expect(plan.cost).toMatchObject({ steps: findSampler(sampler).space === 'vp' ? steps - 2 : steps });
    if (findSampler(sampler).space === 'sigma') expect(plan.schedule.sigmas).toEqual(whole.schedule.sigmas);
  });
});
