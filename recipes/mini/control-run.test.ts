import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import { openControl } from '#models/control/open';
import { initialValue } from '#models/nn/init';
import { openTensorFile } from '#models/tensor-file';
import { nodeModelFiles } from '#studio/files/model-files';
import { openBaseModel } from '#studio/training/methods/base-model';
import { writeTensors } from '#studio/training/methods/trained-result';
import { TrainingRandom } from '#training/random';
import { storedTensors } from './control-run.ts';
import { controlNetworks } from './tasks/control.ts';

const mini = fileURLToPath(new URL('../../models/darkroom-mini.safetensors', import.meta.url));

it('what is trained opens as a Control-LoRA of its base, whole tensors and branches alike', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'control-lora-'));
  try {
    const model = await openBaseModel(mini, undefined, { root: folder, modelRoots: [] });
    const networks = controlNetworks(model, 4, [16, 24, 48, 96]);
    const random = new TrainingRandom(1);
    const weights = new Map(
      networks.trained.map(({ name, shape, initial }) => {
        const data = initial.kind === 'values' ? initial.values : initialValue(shape, initial, random).data;
        return [name, f32(shape, data as Float32Array)] as const;
      }),
    );
    const file = path.join(folder, 'control.safetensors');
    await writeTensors(file, storedTensors(weights, networks), 'fp16', {});
    const base = { unet: networks.config.unet, weights: model.weights, title: model.family.title };
    const opened = await openControl(nodeModelFiles, await openTensorFile(nodeModelFiles, file), base);
    if (opened.kind !== 'controlnet') throw new Error(`opened as ${opened.kind}`);
    expect(opened.config).toEqual(networks.config);
    expect([...opened.branches.keys()].toSorted()).toEqual(networks.targets.map(({ name }) => name).toSorted());
    expect(opened.branches.size).toBeGreaterThan(20);
    expect(opened.weights.get('controlnet.conv_in.weight')).toEqual(model.weights.get('unet.conv_in.weight'));
    const graph = networks.denoiser(model.parts.denoiser.graph({ height: 16, width: 16 }));
    const own = graph.parameters.map(({ attrs }) => attrs.name).filter((name) => !name.startsWith('unet.'));
    expect(own.toSorted()).toEqual([...weights.keys()].toSorted());
  } finally {
    rmSync(folder, { recursive: true });
  }
});
