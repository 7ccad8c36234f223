/** From a file of halves to a network that is ready: the file's bytes to the device, shaders compiled. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend } from '#engine/backend';
import { loadCheckpoint } from '#models/load';
import { nodeModelFiles } from '#studio/files/model-files';
import type { Row } from './gpu.ts';
import { writeCheckpoint } from './random-checkpoint.ts';

const embedded = fileURLToPath(new URL('../models/darkroom-mini.safetensors', import.meta.url));

interface Loading {
  readonly own: () => Backend;
  readonly runtime: () => Backend;
  readonly halves: boolean;
  /** Loads the embedded model instead of one of SD 1.5's size. */
  readonly rehearsal: boolean;
}

/** The second time the shaders are compiled and the file is in memory; `first` is the first. */
export async function timeLoading({ own, runtime, halves, rehearsal }: Loading): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-bench-'));
  try {
    const path = rehearsal ? embedded : join(folder, 'sd15.safetensors');
    if (!rehearsal) writeCheckpoint(path, 'F16');
    const rows: Row[] = [];
    for (const [name, backend] of [
      ['our own shaders', own()],
      ["ONNX Runtime's shaders", runtime()],
    ] as const) {
      const precision = halves ? 'half' : 'full';
      const load = async (): Promise<number> => {
        const start = performance.now();
        const { parts, weights } = await loadCheckpoint(nodeModelFiles, path);
        const graph = parts.denoiser.graph(rehearsal ? { height: 8, width: 8 } : { height: 64, width: 64 });
        const session = await backend.compile(graph, { weights, precision, bindings: { batch: 2, tokens: 77 } });
        const seconds = (performance.now() - start) / 1e3;
        await session.dispose();
        return seconds;
      };
      const first = await load();
      rows.push({ name, first, seconds: await load() });
      await backend.dispose();
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
