/**
 * The inside of a trainer's process: one training, told as it goes, that stops after its step with everything saved when
 * it is asked to. When the studio goes away, it goes too: what it had saved is gone on with.
 */

import sharp from 'sharp';
import type { PixelImage } from '#core/image';
import type { Backend } from '#engine/backend';
import { toWireError } from '../../engine-host/protocol.ts';
import { runExperiment } from '../../lab/experiments.ts';
import { planTraining } from '../plan.ts';
import { configuredTraining } from '../prepare.ts';
import { runTraining } from '../runner.ts';
import type { FromTrainer, LabOrder, ToTrainer, TrainerDevice, TrainingOrder } from './protocol.ts';

export type MakeBackend = (device: TrainerDevice, warn: (text: string) => void) => Backend | Promise<Backend>;

/** Longer than any step: the trainer of a studio that died is gone after the one it was at. */
const patienceMs = 120_000;

/** Waits for the order that the process is for. */
export function serveTrainer(makeBackend: MakeBackend): void {
  const stop = new AbortController();
  process.on('message', (message: ToTrainer) => {
    if (message.type === 'stop') stop.abort();
    else carryOut(message.order, makeBackend, stop.signal).catch(() => process.exit(1));
  });
  process.on('disconnect', () => process.exit(0));
  // A terminal's Ctrl-C reaches the whole group; the studio decides when the training stops.
  process.on('SIGINT', () => {});
}

async function carryOut(order: TrainingOrder | LabOrder, makeBackend: MakeBackend, signal: AbortSignal): Promise<void> {
  const warn = (text: string): void => void send({ type: 'warning', text });
  try {
    const backend = await makeBackend(order.device, warn);
    if ('plan' in order && order.plan) {
      const { config, modelRoots } = order;
      const host = { backend, root: process.cwd(), modelRoots, signal };
      await send({ type: 'plan', plan: await planTraining(config, configuredTraining, host) });
    }
    const steps =
      'plan' in order && order.plan
        ? 0
        : await ('lab' in order ? experiment(order, backend, signal) : training(order, backend, { warn, signal }));
    await backend.dispose();
    await send({ type: 'end', steps });
  } catch (error) {
    await send({ type: 'failed', error: toWireError(error) });
  }
  process.exit(0);
}

interface Watch {
  readonly warn: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Returns the steps done. */
async function training(
  { config, modelRoots }: TrainingOrder,
  backend: Backend,
  { warn, signal }: Watch,
): Promise<number> {
  return await runTraining(config, configuredTraining, {
    backend,
    root: process.cwd(),
    modelRoots,
    patienceMs,
    signal,
    log: () => {},
    warn,
    report: (report) => void send({ type: 'step', report }),
    saved: (step) => void send({ type: 'saved', step }),
    // A training goes on without a picture of it.
    sampled: (image) => {
      encodeJpeg(image).then(
        async (jpeg) => await send({ type: 'sample', jpeg }),
        (error: unknown) => warn(`A sample could not be shown: ${String(error)}`),
      );
    },
  });
}

/** Returns the parts done. */
async function experiment({ lab, folder, device }: LabOrder, backend: Backend, signal: AbortSignal): Promise<number> {
  let parts = 0;
  await runExperiment(lab, {
    backend,
    folder,
    threads: device.threads,
    signal,
    log: () => {},
    report: (_, report) => void send({ type: 'step', report }),
    finished(done) {
      parts = done;
      send({ type: 'part', done }).catch(() => {});
    },
  });
  return parts;
}

function send(message: FromTrainer): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send!(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

async function encodeJpeg({ data, width, height, channels }: PixelImage): Promise<Uint8Array> {
  return await sharp(data, { raw: { width, height, channels } }).jpeg({ quality: 85 }).toBuffer();
}
