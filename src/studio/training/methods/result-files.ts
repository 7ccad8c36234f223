/** The file that a method leaves, in a root of models of its own below the run's folder. */

import path from 'node:path';
import type { ModelKind } from '#api/records/model';
import type { Weights } from '#training/loop';
import { loraTensors } from '#training/networks/lora';
import type { MethodNetworks } from '#training/networks/of-method';
import type { MethodName } from '#training/settings/methods';
import { writeHypernetwork } from './hypernetwork-file.ts';
import { metadataOf, type ResultFacts, writeTensors } from './trained-result.ts';
import { writeModel } from './whole-model.ts';

export interface ResultForm {
  readonly kind: ModelKind;
  readonly folder: string;
  readonly extension: string;
  write(file: string, weights: Weights, facts: ResultFacts, networks: MethodNetworks): Promise<void>;
}

const whole: ResultForm = {
  kind: 'checkpoint',
  folder: 'checkpoints',
  extension: '.safetensors',
  write: (file, weights, facts) => writeModel(file, facts.model, weights, metadataOf(facts)),
};

export const resultForms: Readonly<Record<MethodName, ResultForm>> = {
  lora: {
    kind: 'lora',
    folder: 'loras',
    extension: '.safetensors',
    write: (file, weights, facts, { targets }) =>
      writeTensors(file, loraTensors(weights, targets!), facts.settings.save_precision, metadataOf(facts)),
  },
  ti: {
    kind: 'embedding',
    folder: 'embeddings',
    extension: '.safetensors',
    write: (file, weights, facts) => writeTensors(file, weights, 'float', metadataOf(facts)),
  },
  hypernet: {
    kind: 'hypernetwork',
    folder: 'hypernetworks',
    extension: '.pt',
    write: (file, weights, facts) => writeHypernetwork(file, weights, facts),
  },
  dreambooth: whole,
  finetune: whole,
};

/** Folder of models below a run's folder. */
export const resultRoot = (run: string): string => path.join(run, 'models');

export function resultFile(run: string, task: MethodName, name: string): string {
  const { folder, extension } = resultForms[task];
  return path.join(resultRoot(run), folder, name + extension);
}
