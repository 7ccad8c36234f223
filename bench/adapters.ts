/**
 * What adapters and the faster ways through a U-Net of SD 1.5's size cost or save: a step (batch 1) plain, with side
 * branches that are empty, with LoRA of rank 16 on all attention layers, with a hypernetwork, with HyperTile, and the
 * shallow part that a step cache runs. Seconds of processor time beside those of the clock: other work on the machine
 * stretches the clock only. Run: `npm run bench -- adapters [cells]`.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, sizeOf } from '#core/tensor';
import type { Feeds, WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import type { LowRank } from '#models/adapters/kinds';
import type { Matrix } from '#models/adapters/matrix';
import { branchFeeds, withSideBranches } from '#models/adapters/side-branch';
import { deepFeatures, shallowPart, withDeepFeatures } from '#models/adjust/deep-cache';
import { withHyperTile } from '#models/adjust/hyper-tile';
import { strengthFeeds, withHypernetworks, withHypernetworkWeights } from '#models/hypernetworks/apply';
import type { Hypernetwork } from '#models/hypernetworks/read';
import { loadCheckpoint } from '#models/load';
import { nodeModelFiles } from '#studio/files/model-files';
import { writeCheckpoint } from './random-checkpoint.ts';

const cells = Number(process.argv[2] ?? 64);
const measured = 2;
const folder = mkdtempSync(join(tmpdir(), 'darkroom-bench-'));
const backend = createOrtNodeBackend({ device: 'cpu', threads: 2 });

const waves = (shape: readonly number[], scale: number): Matrix => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(12.9 * i)),
});

const sample = f32([1, 4, cells, cells], waves([4, cells, cells], 1).data);
const context = f32([1, 77, 768], waves([77, 768], 1).data);
const at = (timestep: number): Feeds => ({ sample, timestep: f32([1], Float32Array.of(timestep)), context });

/** Processor and clock seconds of one run each, after one that is not counted. */
async function steps(name: string, graph: Graph, weights: WeightSource, ways: Readonly<Record<string, Feeds>>) {
  const session = await backend.compile(graph, { weights });
  const seconds: Record<string, number[]> = {};
  for (const feeds of Object.values(ways)) await session.run({ ...at(700), ...feeds });
  for (let i = 0; i < measured; i++) {
    for (const [way, feeds] of Object.entries(ways)) {
      const [clock, used] = [performance.now(), process.cpuUsage()];
      await session.run({ ...at(700), ...feeds });
      const { user, system } = process.cpuUsage(used);
      seconds[way] = [...(seconds[way] ?? []), (user + system) / 1e6];
      console.log(
        `${name} ${way}: ${((user + system) / 1e6).toFixed(2)} s (clock ${((performance.now() - clock) / 1e3).toFixed(1)})`,
      );
    }
  }
  await session.dispose();
  return Object.fromEntries(Object.entries(seconds).map(([way, all]) => [way, Math.min(...all)]));
}

try {
  const file = join(folder, 'sd15.safetensors');
  writeCheckpoint(file, 'F16');
  const { parts, weights } = await loadCheckpoint(nodeModelFiles, file);
  const graph = parts.denoiser.graph({ height: cells, width: cells });
  const linears = graph.parameters.filter(({ attrs }) => /attn[12]\.to_(q|k|v|out\.0)\.weight$/.test(attrs.name));
  const loras = new Map(
    linears.map(({ attrs, shape }): [string, LowRank] => {
      const [out, inner] = shape as [number, number];
      const module = attrs.name.replace(/\.weight$/, '');
      return [module, { down: waves([16, inner], 0.02), up: waves([out, 16], 0.02) }];
    }),
  );
  const branched = withSideBranches(graph, new Set(loras.keys()));
  const plain = await steps('plain', graph, weights, { step: {} });
  const lora = await steps('branches', branched, weights, {
    empty: branchFeeds(branched, new Map()),
    'rank 16': branchFeeds(branched, loras),
  });
  const layers = (width: number) =>
    [waves([2 * width, width], 0.01), waves([width, 2 * width], 0.01)].map((weight) => ({
      kind: 'linear' as const,
      weight,
      bias: waves([weight.shape[0]!], 0.01),
    }));
  const network: Hypernetwork = {
    id: 'bench',
    pairs: new Map([320, 640, 768, 1280].map((width) => [width, { key: layers(width), value: layers(width) }])),
    activation: 'relu',
    activatesOutput: false,
  };
  const applied = [{ network, strength: 1 }];
  const hyper = withHypernetworks(graph, applied);
  const withNetwork = await steps('hypernetwork', hyper, withHypernetworkWeights(weights, applied), {
    '[1, 2, 1]': strengthFeeds(hyper, applied),
  });
  const tiled = await steps('HyperTile', withHyperTile(graph, cells / 2), weights, { halves: {} });
  const whole = await backend.compile(withDeepFeatures(graph), { weights });
  const deep = (await whole.run(at(700)))[deepFeatures]!;
  const exact = (await whole.run(at(680))).prediction!.data as Float32Array;
  await whole.dispose();
  const part = shallowPart(graph);
  const shallow = await steps('shallow', part, weights, { step: { [deepFeatures]: deep } });
  const session = await backend.compile(part, { weights });
  const reused = (await session.run({ ...at(680), [deepFeatures]: deep })).prediction!.data as Float32Array;
  await session.dispose();
  const norm = (values: ArrayLike<number>): number =>
    Math.sqrt(Array.from(values, (v) => v * v).reduce((a, b) => a + b, 0));
  const error = norm(exact.map((v, i) => v - reused[i]!)) / norm(exact);
  const ratio = (seconds: number): string => (seconds / plain.step!).toFixed(3);
  console.log(`of a plain step: empty branches ${ratio(lora.empty!)}, rank 16 ${ratio(lora['rank 16']!)}, `);
  console.log(
    `hypernetwork ${ratio(withNetwork['[1, 2, 1]']!)}, HyperTile ${ratio(tiled.halves!)}, shallow ${ratio(shallow.step!)}`,
  );
  console.log(
    `a prediction at timestep 680 with the deep part of 700: relative error ${error.toFixed(4)} (random weights)`,
  );
} finally {
  await backend.dispose();
  rmSync(folder, { recursive: true });
}
