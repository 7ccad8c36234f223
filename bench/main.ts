/** `npm run bench -- NAME [arguments]`: runs one benchmark. To add one: a file beside this one and a row here. */

import process from 'node:process';

const benchmarks: Readonly<Record<string, () => Promise<unknown>>> = {
  adapters: () => import('./adapters.ts'),
  gpu: () => import('./gpu.ts'),
  'gpu-count': () => import('./gpu-count.ts'),
  lowering: () => import('./lowering.ts'),
  memory: () => import('./memory.ts'),
  page: () => import('./page.ts'),
  sd15: () => import('./sd15.ts'),
  server: () => import('./server.ts'),
  training: () => import('./training.ts'),
  'training-lora': () => import('./training-lora.ts'),
};

const [name] = process.argv.splice(2, 1);
const run = benchmarks[name ?? ''];
if (run) await run();
else {
  console.error(`give the name of a benchmark: ${Object.keys(benchmarks).join(', ')}`);
  process.exitCode = 2;
}
