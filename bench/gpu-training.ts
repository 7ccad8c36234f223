/** The training step of training-step.ts on the card: state on the device where the backend keeps it there. */

import { allocate } from '#core/dtype';
import { f32, type HostTensor, zeros } from '#core/tensor';
import type { Backend, Feeds } from '#engine/backend';
import { TrainingRandom } from '#training/random';
import { ResidentState } from '#training/resident-state';
import { scalarFeed } from '#training/step';
import type { Row } from './gpu.ts';
import { inputs, network, type StepSize, training } from './training-step.ts';

export async function timeTrainingSteps(
  backends: Readonly<Record<string, () => Backend>>,
  rounds: number,
  size?: StepSize,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, open] of Object.entries(backends)) {
    const backend = open();
    try {
      rows.push({ name, ...(await timeSteps(backend, rounds, size)) });
    } catch (error) {
      console.log(`    ${name}: ${(error as Error).message}`);
    } finally {
      await backend.dispose();
    }
  }
  return rows;
}

async function timeSteps(backend: Backend, rounds: number, size?: StepSize): Promise<Omit<Row, 'name'>> {
  const random = new TrainingRandom(1);
  const { step, options, weights } = network(random, false, size);
  const data = inputs(random, size);
  const session = await backend.compile(step.apply);
  const first = (parameter: string, slot: string): HostTensor => {
    const { shape, data: values } = weights[parameter]!;
    return slot === 'parameter' || slot === 'ema' ? f32(shape, (values as Float32Array).slice()) : zeros('f32', shape);
  };
  let current = new Map(step.state.map((s) => [s.name, first(s.parameter, s.slot)]));
  let spare = new Map([...current].map(([name, t]) => [name, { ...t, data: allocate(t.dtype, t.data.length) }]));
  const resident = await ResidentState.open(backend, current, new Map());
  const losses: number[] = [];
  const oneStep = async (): Promise<number> => {
    const start = performance.now();
    const scalars = {
      ...options.optimizer.scalars(losses.length + 1, training.learningRate),
      emaKeep: training.emaDecay,
    };
    const fed = Object.fromEntries(
      Object.entries(scalars).map(([name, value]) => [scalarFeed(name), f32([], [value])]),
    );
    let host: Feeds;
    if (resident) {
      const results = await session.runResident!({ ...resident.feeds(), ...data, ...fed }, resident.names());
      resident.advance(results.device);
      host = results.host;
    } else {
      const into = Object.fromEntries(spare);
      host = await session.run({ ...Object.fromEntries(current), ...data, ...fed }, { into });
      [current, spare] = [spare, current];
    }
    losses.push(Number(host['metric:loss']!.data[0]));
    return (performance.now() - start) / 1e3;
  };
  const start = performance.now();
  await oneStep();
  const firstAfter = (performance.now() - start) / 1e3;
  let seconds = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) seconds = Math.min(seconds, await oneStep());
  resident?.dispose();
  await session.dispose();
  const note = `loss ${losses[0]!.toFixed(5)} -> ${losses.at(-1)!.toFixed(5)}`;
  return { first: firstAfter, seconds, note };
}
