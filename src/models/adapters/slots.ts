/** Endings of stored names: which tensor of a module's adapter each is. */

import type { TensorTable } from '../tensor-table.ts';
import type { Matrix } from './matrix.ts';

/** What a tensor is to its module, whatever its trainer calls it. */
export type Slot = (typeof endings)[number][0];

/** Tensors of one module. `need` is for slots that the kind's `needs` promise. */
export interface ModuleTensors {
  has(slot: Slot): boolean;
  find(slot: Slot): Matrix | undefined;
  need(slot: Slot): Matrix;
  /** How peft makes rotations, where its configuration is there. */
  readonly rotation?: PeftRotation | undefined;
}

/** Settings of peft's orthogonal adapters (`OFTConfig`). */
export interface PeftRotation {
  /** Cayley's map by so many terms of its series; exact when left out. */
  readonly terms?: number | undefined;
  /** Before peft 0.18 the last term counted as the others do. */
  readonly wholeLastTerm?: boolean | undefined;
  /** How far blocks may turn, for the constrained form. */
  readonly limit?: number | undefined;
}

const plain = (name: string): RegExp => new RegExp(`\\.${name}$`);
const weightOf = (name: string): RegExp => new RegExp(`\\.${name}(\\.default)?(\\.weight)?$`);

/** The first that matches counts. */
const endings = [
  ['down', /(\.(lora_down|lora_A|lora\.down|lora_linear_layer\.down)|(?<=_lora)\.down)(\.default)?\.weight$/],
  ['up', /(\.(lora_up|lora_B|lora\.up|lora_linear_layer\.up)|(?<=_lora)\.up)(\.default)?\.weight$/],
  ['up_bias', /\.(lora_B|lora_up)(\.default)?\.bias$/],
  ['mid', weightOf('lora_mid')],
  ['alpha', plain('alpha')],
  ['scale', plain('scale')],
  ['dora', weightOf('dora_scale')],
  ['magnitude', weightOf('lora_magnitude_vector')],
  ['hada_w1_a', plain('hada_w1_a')],
  ['hada_w1_b', plain('hada_w1_b')],
  ['hada_w2_a', plain('hada_w2_a')],
  ['hada_w2_b', plain('hada_w2_b')],
  ['hada_t1', plain('hada_t1')],
  ['hada_t2', plain('hada_t2')],
  ['lokr_w1', plain('lokr_w1')],
  ['lokr_w1_a', plain('lokr_w1_a')],
  ['lokr_w1_b', plain('lokr_w1_b')],
  ['lokr_w2', plain('lokr_w2')],
  ['lokr_w2_a', plain('lokr_w2_a')],
  ['lokr_w2_b', plain('lokr_w2_b')],
  ['lokr_t2', plain('lokr_t2')],
  ['diff', plain('diff')],
  ['diff_b', plain('diff_b')],
  ['w_norm', plain('w_norm')],
  ['b_norm', plain('b_norm')],
  ['a1', weightOf('a1')],
  ['a2', weightOf('a2')],
  ['b1', weightOf('b1')],
  ['b2', weightOf('b2')],
  ['bm', weightOf('bm')],
  ['oft_blocks', plain('oft_blocks')],
  ['oft_diag', plain('oft_diag')],
  ['oft_R', weightOf('oft_R')],
  ['oft_r', weightOf('oft_r')],
  ['boft_R', weightOf('boft_R')],
  ['boft_s', weightOf('boft_s')],
  ['rescale', plain('rescale')],
  ['on_input', plain('on_input')],
  ['weight', plain('weight')],
] as const satisfies readonly (readonly [string, RegExp])[];

/** Stored names by module and slot; `others` are names that no ending explains. */
export interface Grouped {
  readonly modules: ReadonlyMap<string, ReadonlyMap<Slot, string>>;
  readonly others: readonly string[];
}

export function groupByModule(table: TensorTable): Grouped {
  const modules = new Map<string, Map<Slot, string>>();
  const others: string[] = [];
  for (const name of table.keys()) {
    const ending = endings.map(([slot, pattern]) => ({ slot, match: pattern.exec(name) })).find(({ match }) => match);
    if (!ending) {
      others.push(name);
      continue;
    }
    const module = name.slice(0, ending.match!.index);
    const slots = modules.get(module) ?? new Map<Slot, string>();
    modules.set(module, slots.set(ending.slot, name));
  }
  // A plain weight is an adapter's only beside what says which side of the layer it scales.
  for (const [module, slots] of modules) {
    if (!slots.has('weight') || slots.has('on_input')) continue;
    others.push(slots.get('weight')!);
    slots.delete('weight');
    if (slots.size === 0) modules.delete(module);
  }
  return { modules, others };
}
