/**
 * RRDBNet: residual in residual dense blocks (ESRGAN, Wang et al. 2018, arXiv:1809.00219; Real-ESRGAN's pixel unshuffle
 * for scales below 4, Wang et al. 2021, arXiv:2107.10833).
 *
 * Files name their tensors in one of three ways: BasicSR's, that of ESRGAN's release, and the numbered modules of the
 * trainer before it (xinntao/ESRGAN, victorca25/traiNNer). Left out: ESRGAN+'s 1x1 branch, scale 3 (whose one enlarging
 * step the tensors do not tell from 2).
 */

import { add, concat, leakyRelu, mul, resizeNearest } from '#graph/build';
import { pixelUnshuffle } from '#graph/compose';
import type { Value } from '#graph/value';
import { type KeyMap, type Rewrite, rewrite } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import { conv } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { countIndexed, type TensorTable } from '../tensor-table.ts';
import type { UpscalerArchitecture, UpscalerNetwork } from './upscaler.ts';

const slope = 0.2;
/** Of both the inner and the outer residual. */
const residualScale = 0.2;
const denseConvs = 5;

interface RrdbConfig {
  readonly features: number;
  readonly growth: number;
  readonly blocks: number;
  /** Enlarging steps, each by 2. */
  readonly steps: number;
  /** Side of the squares of pixels that become channels first. */
  readonly unshuffle: number;
}

/** One way of naming: canonical names are BasicSR's. */
interface Naming {
  /** What its first dense block's first convolution is called. */
  readonly telling: string;
  readonly blocks: string;
  keys(steps: number): KeyMap;
  /** Enlarging steps by what is there. */
  steps(tensors: TensorTable): number;
}

const counted = (tensors: TensorTable, stem: string): number => {
  let steps = 0;
  while (tensors.has(`${stem}${steps + 1}.weight`)) steps++;
  return steps;
};

const renamed =
  (...rules: Rewrite[]): KeyMap =>
  (parameter) => [{ name: rewrite(parameter, rules) }];

const namings: readonly Naming[] = [
  {
    telling: 'body.0.rdb1.conv1.weight',
    blocks: 'body.',
    keys: () => renamed(),
    steps: (tensors) => counted(tensors, 'conv_up'),
  },
  {
    telling: 'RRDB_trunk.0.RDB1.conv1.weight',
    blocks: 'RRDB_trunk.',
    keys: () =>
      renamed(
        [/^body\.(\d+)\.rdb/, 'RRDB_trunk.$1.RDB'],
        [/^conv_body/, 'trunk_conv'],
        [/^conv_up/, 'upconv'],
        [/^conv_hr/, 'HRconv'],
      ),
    steps: (tensors) => counted(tensors, 'upconv'),
  },
  { telling: 'model.1.sub.0.RDB1.conv1.0.weight', blocks: 'model.1.sub.', keys: numberedKeys, steps: numberedSteps },
];

/** Modules by their number: after the blocks, enlarge, convolve and activate at each step, then two convolutions. */
function numberedKeys(steps: number): KeyMap {
  return (parameter) => {
    const [, end] = /\.(weight|bias)$/.exec(parameter)!;
    const [, block, dense, number] = /^body\.(\d+)\.rdb(\d)\.conv(\d)\./.exec(parameter) ?? [];
    if (block !== undefined) return [{ name: `model.1.sub.${block}.RDB${dense}.conv${number}.0.${end}` }];
    // The trunk's convolution follows the last block; `.` is not a number, so each is tried.
    if (parameter.startsWith('conv_body.')) return [{ name: `model.1.sub.${trunkMark}.${end}` }];
    const step = /^conv_up(\d+)\./.exec(parameter)?.[1];
    const at = step !== undefined ? 3 * Number(step) : moduleOf(parameter, steps);
    return [{ name: `model.${at}.${end}` }];
  };
}

/** Stands for the number of blocks, which `open` puts in. */
const trunkMark = 'N';

function moduleOf(parameter: string, steps: number): number {
  if (parameter.startsWith('conv_first.')) return 0;
  return 3 * steps + (parameter.startsWith('conv_hr.') ? 2 : 4);
}

function numberedSteps(tensors: TensorTable): number {
  return (countIndexed(tensors, 'model.') - 5) / 3;
}

export const rrdb: UpscalerArchitecture = {
  title: 'ESRGAN (RRDBNet)',
  recognise: (tensors) => namings.some(({ telling }) => tensors.has(telling)),
  open(tensors) {
    const naming = namings.find(({ telling }) => tensors.has(telling))!;
    const steps = naming.steps(tensors);
    const blocks = countIndexed(tensors, naming.blocks) - (naming.keys === numberedKeys ? 1 : 0);
    const named = naming.keys(steps);
    const keys: KeyMap = (parameter) =>
      named(parameter).map(({ name }) => ({ name: name.replace(`.${trunkMark}.`, `.${blocks}.`) }));
    return network(configOf(tensors, keys, { steps, blocks }), keys);
  },
};

function configOf(tensors: TensorTable, keys: KeyMap, found: Pick<RrdbConfig, 'steps' | 'blocks'>): RrdbConfig {
  const shape = (parameter: string): readonly number[] => {
    const { name } = keys(parameter)[0]!;
    const facts = tensors.get(name);
    if (facts) return facts.shape;
    throw new ModelFileError('incomplete-upscaler', `${name} is missing: the upscaler is not whole`);
  };
  const [features = 0, channels = 0] = shape('conv_first.weight');
  const [out] = shape('conv_last.weight');
  const unshuffle = Math.sqrt(channels / 3);
  if (out !== 3 || !Number.isInteger(unshuffle) || !Number.isInteger(found.steps)) {
    const message = `it takes ${channels} channels and gives ${out}; expected RGB in (3, 12 or 48) and out (3)`;
    throw new ModelFileError('upscaler-channels', message);
  }
  return { ...found, features, unshuffle, growth: shape('body.0.rdb1.conv1.weight')[0]! };
}

function network(config: RrdbConfig, keys: KeyMap): UpscalerNetwork {
  const { steps, unshuffle } = config;
  return { scale: 2 ** steps / unshuffle, multiple: unshuffle, keys, run: (scope, image) => run(scope, config, image) };
}

function run(scope: Scope, { features, growth, blocks, steps, unshuffle }: RrdbConfig, image: Value): Value {
  const three = (name: string, x: Value, out: number): Value => conv(scope.child(name), x, out, { kernel: 3 });
  const first = three('conv_first', unshuffle === 1 ? image : pixelUnshuffle(image, unshuffle), features);
  let x = first;
  for (let i = 0; i < blocks; i++) x = residualBlock(scope.child(`body.${i}`), x, growth);
  x = add(first, three('conv_body', x, features));
  for (let step = 1; step <= steps; step++) {
    x = leakyRelu(three(`conv_up${step}`, resizeNearest(x, 2), features), slope);
  }
  return three('conv_last', leakyRelu(three('conv_hr', x, features), slope), 3);
}

function residualBlock(scope: Scope, x: Value, growth: number): Value {
  let out = x;
  for (let i = 1; i <= 3; i++) out = denseBlock(scope.child(`rdb${i}`), out, growth);
  return add(mul(out, residualScale), x);
}

/** Each convolution sees the input and all that came before it. */
function denseBlock(scope: Scope, x: Value, growth: number): Value {
  const features = x.shape[1] as number;
  const seen = [x];
  for (let i = 1; i < denseConvs; i++) {
    seen.push(leakyRelu(conv(scope.child(`conv${i}`), concat([...seen], 1), growth, { kernel: 3 }), slope));
  }
  const last = conv(scope.child(`conv${denseConvs}`), concat([...seen], 1), features, { kernel: 3 });
  return add(mul(last, residualScale), x);
}
