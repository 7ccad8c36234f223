/**
 * The training loop: draws batches, runs steps, logs, samples, saves, resumes.
 *
 * A step changes the state only when loss and gradient norm are finite, so a NaN leaves the last good state where it
 * was, and that is what gets saved. Where the session makes the new state, state lives twice on the host: a step reads
 * one copy and writes the other, and they swap. Where a fused pass makes it (fused-update.ts), that writes in place. A
 * backend with memory of its own keeps the state there (resident-state.ts).
 */

import { allocate } from '#core/dtype';
import { DarkroomError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import type {
  Backend,
  CompileOptions,
  Feeds,
  ResidentFeeds,
  ResidentResults,
  Session,
  WeightSource,
} from '#engine/backend';
import { closeGraph } from '#graph/value';
import { type EmaOptions, emaDecay } from './ema.ts';
import { type FusedUpdate, fusedUpdate } from './fused-update.ts';
import { type LearningRateOptions, learningRateAt } from './learning-rate.ts';
import type { Optimizer } from './optimizer.ts';
import type { RandomSource } from './random.ts';
import { ResidentState } from './resident-state.ts';
import {
  appendMetrics,
  checkpointSteps,
  type RunFiles,
  readLatestCheckpoint,
  trimMetrics,
  writeCheckpoint,
} from './run-directory.ts';
import {
  buildTrainingStep,
  groupScalar,
  type Objective,
  type StateTensor,
  type StepOptions,
  scalarFeed,
  type TrainingStep,
  zeroGradients,
} from './step.ts';
import type { DecayRule } from './weight-decay.ts';

/** A thing to train. Everything random comes from the source it is given, so that runs repeat and resume. */
export interface TrainingTask {
  readonly name: string;
  /** `shape`: see `shapeOf`; any of them where it is left out. All have the same parameters. */
  objective(shape?: string): Objective;
  /** Which of the task's objectives a batch is for, where their graphs differ by the sizes of data. */
  shapeOf?(feeds: Feeds): string;
  /** Sizes that stay the same, by the graph's symbols. */
  bindings?: Readonly<Record<string, number>>;
  /** First values of a parameter. */
  initialise(name: string, shape: readonly number[], random: RandomSource): Float32Array;
  /** Data inputs of part `part` (default the first) of 0-based step `step`. */
  batch(random: RandomSource, step: number, part?: number): Promise<Feeds>;
  /** Parameters that are fed but do not learn. */
  frozen?: ReadonlyMap<string, HostTensor>;
  /** Parameters that do not learn and stay where they are, such as in a model's file. */
  weights?: WeightSource;
  /** Batches that nothing is learnt from, the same each time; their loss is told now and then. */
  heldOut?(): Promise<readonly Feeds[]>;
  trains?: (name: string) => boolean;
  /** A picture of what the weights can do now, for the run's `samples/`. Weights change after the promise settles. */
  sample?(weights: Weights, step: number): Promise<PixelImage | undefined>;
  /** Called with the first weights of a new training. */
  begin?(weights: Weights): Promise<void>;
  /** Called with the weights to ship when the last step is done, again where that was cut short. */
  finish?(weights: Weights, step: number): Promise<void>;
  /** Called with the weights to ship whenever a checkpoint is written; they change after the promise settles. */
  publish?(weights: Weights, step: number): Promise<void>;
}

export type Weights = ReadonlyMap<string, HostTensor>;

export interface LoopOptions {
  readonly steps: number;
  readonly accumulate?: number;
  /** Compute the inside of blocks again in the backward pass. Default false. */
  readonly recompute?: boolean;
  readonly optimizer: Optimizer;
  readonly learningRate: number;
  readonly schedule: LearningRateOptions;
  readonly clipNorm?: number;
  /** Which parameters weight decay acts on. Default all. */
  readonly decays?: DecayRule;
  /** Factors on the learning rate of some parameters. */
  readonly rates?: RateGroups | undefined;
  readonly ema?: EmaOptions;
  readonly checkpointEvery: number;
  readonly keepCheckpoints?: number;
  readonly sampleEvery?: number;
  /** Steps between two looks at what is held out. */
  readonly validateEvery?: number;
  readonly threads?: number;
}

/** Parameters that learn at a rate of their own. */
export interface RateGroups {
  /** Name of a parameter's group. */
  groupOf(parameter: string): string;
  /** Factor by group. */
  readonly factors: Readonly<Record<string, number>>;
}

export interface StepReport {
  readonly step: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface LoopHost {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly random: RandomSource;
  readonly signal?: AbortSignal;
  /** Encodes sample pictures. */
  readonly encodePng?: (image: PixelImage) => Promise<Uint8Array>;
  report?(report: StepReport): void;
  /** Told when the state after a step is kept. */
  saved?(step: number): void;
  /** Told of each picture of what the weights can do. */
  sampled?(image: PixelImage, step: number): void;
}

/** The loss, a gradient or the weights stopped being finite; the newest checkpoint is the last good state. */
export class DivergenceError extends DarkroomError {
  readonly step: number;
  /** Step of the newest checkpoint; undefined where there is none. */
  readonly checkpoint: number | undefined;

  constructor(step: number, got: string, checkpoint: number | undefined) {
    const kept = checkpoint === undefined ? 'no state was saved' : `the state after step ${checkpoint} is saved`;
    super(
      'training.diverged',
      `training diverged at step ${step} (${got}); ${kept}: lower the learning rate and resume`,
    );
    this.step = step;
    this.checkpoint = checkpoint;
  }
}

type State = Map<string, HostTensor>;

interface Run {
  readonly task: TrainingTask;
  readonly options: LoopOptions;
  readonly host: LoopHost;
  readonly step: TrainingStep;
  /** Compiled steps by the shape of their data, the one used last at the end. */
  readonly compiled: Map<string, CompiledStep>;
  compile(shape: string | undefined): Promise<CompiledStep>;
  /** Undefined where `apply` returns new state itself. */
  readonly update: FusedUpdate | undefined;
  current: State;
  /** Where `apply` writes new state; empty with `update` and with `resident`. */
  spare: State;
  /** State on the device, of which `current` is then a copy that may be older. */
  readonly resident: ResidentState | undefined;
  done: number;
  /** Step whose state was kept last. */
  kept: number;
}

interface CompiledStep {
  readonly apply: Session;
  readonly gather: Session | undefined;
}

/** Shapes of data whose compiled steps are kept; each has the network's weights. */
const keptShapes = 4;

/** Trains until `options.steps` or the signal; returns the number of steps done. */
export async function train(task: TrainingTask, options: LoopOptions, host: LoopHost): Promise<number> {
  const run = await start(task, options, host);
  try {
    if (run.done === 0) {
      await task.begin?.(weightsOf(run));
      await tellHeldOut(run);
    }
    while (run.done < options.steps && !host.signal?.aborted) {
      await oneStep(run);
      const last = run.done === options.steps;
      if (last || run.done % options.checkpointEvery === 0) await save(run);
      if (host.signal?.aborted) break;
      if (options.sampleEvery && (last || run.done % options.sampleEvery === 0)) await writeSample(run);
    }
    if (run.kept !== run.done) await save(run);
    // More than was asked for where a training that was stopped is given fewer steps: it is enough.
    if (run.done >= options.steps) await task.finish?.(weightsOf(run), run.done);
    return run.done;
  } finally {
    run.resident?.dispose();
    for (const step of run.compiled.values()) await disposeStep(step);
  }
}

async function disposeStep({ apply, gather }: CompiledStep): Promise<void> {
  await apply.dispose();
  await gather?.dispose();
}

async function start(task: TrainingTask, options: LoopOptions, host: LoopHost): Promise<Run> {
  const stepOptions: StepOptions = {
    optimizer: options.optimizer,
    ...(options.clipNorm === undefined ? {} : { clipNorm: options.clipNorm }),
    ema: options.ema !== undefined,
    accumulate: options.accumulate ?? 1,
    recompute: options.recompute,
    ...(task.trains ? { trains: task.trains } : {}),
    ...(options.decays ? { decays: options.decays } : {}),
    groupOf: options.rates?.groupOf,
  };
  const update = fusedUpdate(stepOptions, host.backend);
  const build = (shape?: string): TrainingStep =>
    buildTrainingStep(task.name, task.objective(shape), { ...stepOptions, updatesApart: update !== undefined });
  const step = build();
  const saved = await readLatestCheckpoint(host.files);
  await trimMetrics(host.files, saved?.position.step ?? 0);
  const current: State = new Map();
  if (saved) {
    for (const s of step.state) current.set(s.name, requireTensor(saved.tensors, s));
    host.random.restore(saved.position.random);
  } else {
    for (const s of step.state) current.set(s.name, initialTensor(task, s, current, host.random));
  }
  const resident = update ? undefined : await ResidentState.open(host.backend, current, task.frozen ?? new Map());
  const spare: State = new Map(
    (update || resident ? [] : [...current]).map(([k, t]) => [k, { ...t, data: allocate(t.dtype, t.data.length) }]),
  );
  const { threads } = options;
  const compileOptions: CompileOptions = { threads, weights: task.weights, bindings: task.bindings };
  const compile = async ({ apply, gather }: TrainingStep): Promise<CompiledStep> => ({
    apply: await host.backend.compile(apply, compileOptions),
    gather: gather && (await host.backend.compile(gather, compileOptions)),
  });
  return {
    task,
    options,
    host,
    step,
    update,
    compiled: new Map(),
    compile: async (shape) => await compile(shape === undefined ? step : build(shape)),
    current,
    spare,
    resident,
    done: saved?.position.step ?? 0,
    kept: saved?.position.step ?? 0,
  };
}

function requireTensor(tensors: ReadonlyMap<string, HostTensor>, s: StateTensor): HostTensor {
  const t = tensors.get(s.name);
  const got = t ? `shape [${t.shape}]` : 'nothing';
  if (!t || sizeOf(t.shape) !== sizeOf(s.shape)) {
    throw new DarkroomError(
      'training.state-mismatch',
      `the checkpoint holds ${got} for ${s.name}, expected [${s.shape}]: it belongs to another configuration or to captions with other words; use a new run directory`,
    );
  }
  return { ...t, shape: s.shape };
}

function initialTensor(task: TrainingTask, s: StateTensor, earlier: State, random: RandomSource): HostTensor {
  if (s.initial === 'task') return f32(s.shape, task.initialise(s.parameter, s.shape, random));
  if (s.initial === 'parameter') return f32(s.shape, (earlier.get(s.parameter)!.data as Float32Array).slice());
  return f32(s.shape, new Float32Array(sizeOf(s.shape)).fill(s.initial));
}

function scalarFeeds(run: Run): { feeds: Feeds; learningRate: number } {
  const { options, done } = run;
  const learningRate = learningRateAt(done, options.learningRate, options.schedule);
  const scalars: Record<string, number> = {};
  for (const [group, factor] of Object.entries(options.rates?.factors ?? { '': 1 })) {
    for (const [name, value] of Object.entries(options.optimizer.scalars(done + 1, learningRate * factor))) {
      scalars[groupScalar(name, group)] = value;
    }
  }
  if (options.ema) scalars.emaKeep = emaDecay(done + 1, options.ema);
  const feeds = Object.fromEntries(Object.entries(scalars).map(([k, v]) => [scalarFeed(k), f32([], [v])]));
  return { feeds, learningRate };
}

async function oneStep(run: Run): Promise<void> {
  const { task, host, options } = run;
  const { feeds, learningRate } = scalarFeeds(run);
  const parts = options.accumulate ?? 1;
  const state: ResidentFeeds = run.resident
    ? run.resident.feeds()
    : { ...Object.fromEntries(run.current), ...Object.fromEntries(task.frozen ?? []) };
  const totals: Record<string, number> = {};
  let sums: Feeds = parts > 1 ? zeroGradients(run.step) : {};
  let results: Feeds = {};
  let next: ResidentResults['device'] = {};
  for (let part = 0; part < parts; part++) {
    const data = await task.batch(host.random, run.done, part);
    const last = part === parts - 1;
    const { apply, gather } = await stepFor(run, data);
    const session = last ? apply : gather!;
    const wanted = neededFeeds(session, { ...state, ...sums, ...feeds, ...data });
    if (run.resident) {
      const kept = await session.runResident!(wanted, last ? run.resident.names() : []);
      [results, next] = [kept.host, kept.device];
    } else {
      const into = last && !run.update ? { into: Object.fromEntries(run.spare) } : {};
      results = await session.run(wanted as Feeds, into);
    }
    addMetrics(totals, results, parts);
    if (!last) sums = Object.fromEntries(Object.entries(results).filter(([k]) => k.startsWith('gradient:')));
  }
  if (!Object.values(totals).every(Number.isFinite)) {
    for (const t of Object.values(next)) t.dispose();
    await save(run);
    const got = Object.entries(totals).map(([name, value]) => `${name} ${value}`);
    throw new DivergenceError(run.done + 1, got.join(', '), run.done);
  }
  if (run.update) run.update(run.step.state, run.current, { ...results, ...feeds });
  else if (run.resident) run.resident.advance(next);
  else [run.current, run.spare] = [run.spare, run.current];
  run.done += 1;
  const report: StepReport = { step: run.done, steps: options.steps, learningRate, metrics: totals };
  await appendMetrics(host.files, { step: run.done, learningRate, ...totals });
  host.report?.(report);
  const { validateEvery } = options;
  if (validateEvery && (run.done % validateEvery === 0 || run.done === options.steps)) await tellHeldOut(run);
}

async function stepFor(run: Run, data: Feeds): Promise<CompiledStep> {
  const shape = run.task.shapeOf?.(data);
  const key = shape ?? '';
  const known = run.compiled.get(key);
  run.compiled.delete(key);
  const [oldest] = run.compiled;
  if (!known && oldest && run.compiled.size >= keptShapes) {
    run.compiled.delete(oldest[0]);
    await disposeStep(oldest[1]);
  }
  const compiled = known ?? (await run.compile(shape));
  run.compiled.set(key, compiled);
  return compiled;
}

/** Measures the loss of what is held out with the weights as they are, and writes it down. */
async function tellHeldOut(run: Run): Promise<void> {
  const { task, host, options } = run;
  const batches = options.validateEvery ? await task.heldOut?.() : undefined;
  if (!batches || batches.length === 0) return;
  await run.resident?.copyTo(run.current);
  const weights = Object.fromEntries(weightsOf(run));
  const sessions = new Map<string | undefined, Session>();
  let total = 0;
  try {
    for (const batch of batches) {
      const shape = task.shapeOf?.(batch);
      const session =
        sessions.get(shape) ??
        (await host.backend.compile(closeGraph(`${task.name}-loss`, { loss: task.objective(shape).loss }), {
          threads: options.threads,
          weights: task.weights,
          bindings: task.bindings,
        }));
      sessions.set(shape, session);
      const { loss } = await session.run(neededFeeds(session, { ...weights, ...batch }));
      total += Number(loss!.data[0]) / batches.length;
    }
  } finally {
    for (const session of sessions.values()) await session.dispose();
  }
  await appendMetrics(host.files, { step: run.done, heldOut: total });
  const learningRate = learningRateAt(run.done, options.learningRate, options.schedule);
  host.report?.({ step: run.done, steps: options.steps, learningRate, metrics: { heldOut: total } });
}

function neededFeeds<T>(session: Session, feeds: Readonly<Record<string, T>>): Record<string, T> {
  const names = [...session.graph.inputs, ...session.graph.parameters].map((v) => v.attrs.name);
  return Object.fromEntries(names.map((n) => [n, feeds[n]!]));
}

function addMetrics(totals: Record<string, number>, results: Feeds, parts: number): void {
  for (const [key, t] of Object.entries(results)) {
    if (!key.startsWith('metric:')) continue;
    const name = key.slice('metric:'.length);
    const share = name === 'gradientNorm' ? 1 : 1 / parts;
    totals[name] = (totals[name] ?? 0) + Number(t.data[0]) * share;
  }
}

/** Weights to use: the moving average where one is kept. */
function weightsOf(run: Run): Weights {
  const weights = new Map(run.task.frozen ?? []);
  for (const s of run.step.state) {
    if (s.slot !== 'parameter') continue;
    weights.set(s.parameter, run.current.get(run.options.ema ? `ema:${s.parameter}` : s.parameter)!);
  }
  return weights;
}

/** Throws DivergenceError instead of keeping a state that is not finite. */
async function save(run: Run): Promise<void> {
  const { host, options } = run;
  await run.resident?.copyTo(run.current);
  const bad = [...run.current].find(([, t]) => !allFinite(t.data as Float32Array));
  if (bad) throw new DivergenceError(run.done, `${bad[0]} is not finite`, (await checkpointSteps(host.files)).at(-1));
  const position = { step: run.done, random: host.random.save() };
  await writeCheckpoint(host.files, { position, tensors: run.current }, options.keepCheckpoints ?? 2);
  await run.task.publish?.(weightsOf(run), run.done);
  run.kept = run.done;
  host.saved?.(run.done);
}

/** Zero times anything finite is zero; a sum of them costs a tenth of a test on every element. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += 0 * values[i]!;
  return sum === 0;
}

async function writeSample(run: Run): Promise<void> {
  if (!run.host.encodePng) return;
  await run.resident?.copyTo(run.current);
  const image = await run.task.sample?.(weightsOf(run), run.done);
  if (!image) return;
  run.host.sampled?.(image, run.done);
  const name = `samples/step-${String(run.done).padStart(8, '0')}.png`;
  await run.host.files.writeBytes(name, [await run.host.encodePng(image)]);
}
