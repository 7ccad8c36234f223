/** What the studio and a trainer's process say to each other over the IPC channel. */

import type { LabRequest } from '#lab/experiments';
import type { TrainingConfig } from '#training/config';
import type { StepReport } from '#training/loop';
import type { WireError } from '../../engine-host/protocol.ts';
import type { TrainingPlan } from '../plan.ts';

/** What a backend is made from; plain data, since it crosses a process border. */
export interface TrainerDevice {
  /** E.g. `cpu`, `webgpu`. */
  readonly device: string;
  readonly threads?: number;
}

export interface TrainingOrder {
  /** With absolute paths. */
  readonly config: TrainingConfig;
  readonly device: TrainerDevice;
  /** Where models are looked for. */
  readonly modelRoots: readonly string[];
  /** Only say what it would take. */
  readonly plan?: boolean;
}

/** An experiment of the lab, which trains one network after another. */
export interface LabOrder {
  readonly lab: LabRequest;
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly device: TrainerDevice;
}

export type ToTrainer =
  | { readonly type: 'start'; readonly order: TrainingOrder | LabOrder }
  | { readonly type: 'stop' };

export type FromTrainer =
  | { readonly type: 'step'; readonly report: StepReport }
  | { readonly type: 'saved'; readonly step: number }
  /** Of an experiment: so many of its parts are finished and kept. */
  | { readonly type: 'part'; readonly done: number }
  /** JPEG of what the weights can do. */
  | { readonly type: 'sample'; readonly jpeg: Uint8Array }
  | { readonly type: 'warning'; readonly text: string }
  | { readonly type: 'plan'; readonly plan: TrainingPlan }
  /** It has ended after so many steps (parts, of an experiment), by itself or as asked to; everything is written. */
  | { readonly type: 'end'; readonly steps: number }
  | { readonly type: 'failed'; readonly error: WireError };
