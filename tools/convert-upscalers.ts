/**
 * Makes models/upscalers/ from the weights of `@upscalerjs/esrgan-medium` (MIT, Kevin Scott): the package is fetched by
 * `npm pack`, held to its published integrity and never installed, since depending on it would bring TensorFlow.js.
 *
 * Changed on the way: names, kernels from [h, w, in, out] to [out, in, h, w], and the first and last convolution's
 * weights, so that the network takes and gives 0..1 where the original has 0..255.
 *
 * `npx tsx tools/convert-upscalers.ts [FOLDER of the unpacked package]`
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planSafetensors } from '../src/formats/safetensors-writer.ts';

const packageName = '@upscalerjs/esrgan-medium@1.0.0';
const integrity = 'sha512-Z8JnR87sgetPABKevasXST3FdnXhaoTu9zpXnu3KLaHYpYStVt0FD1VZS9c6jhSGMBC0H929gN9RbWl+MeisKA==';
const target = fileURLToPath(new URL('../models/upscalers', import.meta.url));
const scales = [2, 3, 4, 8];
/** What the original network calls white. */
const range = 255;

interface Manifest {
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly { readonly name: string; readonly shape: number[]; readonly dtype: string }[];
  }[];
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The unpacked package. */
function fetchPackage(temporary: string): string {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const packed = execFileSync(npm, ['pack', packageName, '--json', '--ignore-scripts'], { cwd: temporary });
  const [{ filename }] = JSON.parse(packed.toString()) as [{ filename: string }];
  const archive = join(temporary, filename.replace(/^@/, '').replace('/', '-'));
  const got = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (got !== integrity) throw new Error(`${packageName} has the integrity ${got}; expected ${integrity}`);
  execFileSync('tar', ['-xzf', archive], { cwd: temporary });
  return join(temporary, 'package');
}

/** Layers format of TensorFlow.js: float32 in the manifest's order. */
function readModel(folder: string): Tensor[] {
  const { weightsManifest } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as Manifest;
  return weightsManifest.flatMap(({ paths, weights }) => {
    const bytes = Buffer.concat(paths.map((path) => readFileSync(join(folder, path))));
    let at = 0;
    return weights.map(({ name, shape, dtype }) => {
      if (dtype !== 'float32') throw new Error(`${name} is ${dtype}; expected float32`);
      const count = shape.reduce((product, n) => product * n, 1);
      const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + 4 * count));
      at += 4 * count;
      return { name, shape, values };
    });
  });
}

/** The layer's name and what it is called in src/models/upscalers/rdn.ts. */
const names: readonly (readonly [RegExp, (...groups: string[]) => string])[] = [
  [/^F_m1$/, () => 'shallow.0'],
  [/^F_0$/, () => 'shallow.1'],
  [/^F_(\d+)_(\d+)$/, (block, layer) => `blocks.${Number(block) - 1}.convs.${Number(layer) - 1}`],
  [/^LFF_(\d+)$/, (block) => `blocks.${Number(block) - 1}.fusion`],
  [/^GFF_(\d)$/, (i) => `fusion.${Number(i) - 1}`],
  [/^UPN(\d)$/, (i) => `head.${Number(i) - 1}`],
  [/^SR$/, () => 'output'],
];

function converted({ name, shape, values }: Tensor): Tensor {
  const [layer, part] = name.split('/') as [string, 'kernel' | 'bias'];
  const [pattern, renamed] = names.find(([each]) => each.test(layer)) ?? [];
  if (!pattern || !renamed) throw new Error(`${name} is no layer of the network that is known`);
  const own = renamed(...pattern.exec(layer)!.slice(1));
  const scaled = values.map((v) => v * factorOf(own, part));
  if (part === 'bias') return { name: `${own}.bias`, shape, values: scaled };
  const [height, width, inputs, outputs] = shape as [number, number, number, number];
  const turned = new Float32Array(scaled.length);
  for (let cell = 0; cell < height * width; cell++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        turned[(o * inputs + i) * height * width + cell] = scaled[(cell * inputs + i) * outputs + o]!;
      }
    }
  }
  return { name: `${own}.weight`, shape: [outputs, inputs, height, width], values: turned };
}

function factorOf(own: string, part: 'kernel' | 'bias'): number {
  if (own === 'shallow.0' && part === 'kernel') return range;
  return own === 'output' ? 1 / range : 1;
}

function writeModel(path: string, scale: number, tensors: readonly Tensor[]): void {
  const { header, order } = planSafetensors(
    tensors.map((tensor) => ({ ...tensor, dtype: 'F32' as const })),
    {
      'modelspec.title': `ESRGAN medium x${scale}`,
      'modelspec.author': 'Kevin Scott',
      'modelspec.license': 'MIT',
      'modelspec.description': `From ${packageName} (models/x${scale}), converted by tools/convert-upscalers.ts.`,
    },
  );
  writeFileSync(path, Buffer.concat([header, ...order.map(({ values }) => Buffer.from(values.buffer))]));
  console.log(path);
}

const temporary = mkdtempSync(join(tmpdir(), 'darkroom-upscalers-'));
try {
  const folder = process.argv[2] ?? fetchPackage(temporary);
  mkdirSync(target, { recursive: true });
  for (const scale of scales) {
    const tensors = readModel(join(folder, 'models', `x${scale}`)).map(converted);
    writeModel(join(target, `esrgan-medium-x${scale}.safetensors`), scale, tensors);
  }
} finally {
  rmSync(temporary, { recursive: true });
}
