/**
 * The conformance suite on WebGPU, in processes of their own, so that a crash of a driver is a failed test and not a
 * lost test run.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import { type ConformanceCase, conformanceCases } from './backend-suite.ts';
import type { Report, WebGpuEngine } from './webgpu-process.ts';

/** SwiftShader, the software Vulkan driver that Debian's chromium package brings. */
const softwareDriver = '/usr/lib/chromium/vk_swiftshader_icd.json';

const seeds = [1];
const tolerance = 2e-4;

/** Reports by case from one process, which may end early. */
async function reportsFrom(engine: WebGpuEngine, cases: readonly ConformanceCase[], first: number): Promise<Report[]> {
  const script = ownModule(import.meta.url, './webgpu-process');
  const driver =
    !process.env.VK_ICD_FILENAMES && existsSync(softwareDriver) ? { VK_ICD_FILENAMES: softwareDriver } : {};
  const child = spawn(process.execPath, [...childExecArgv(), script, engine, String(first), ...seeds.map(String)], {
    env: { ...process.env, ...driver },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const end = await new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(`exit ${code ?? signal}`));
  });
  const reports = out
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Report);
  if (reports.some((r) => 'unavailable' in r)) return reports;
  if (!reports.some((r) => 'ready' in r)) throw new Error(`WebGPU did not start (${end}): ${err.slice(-2000)}`);
  const crashed = cases[first + reports.length - 1];
  const failure = `the process ended (${end}): ${err.slice(-2000)}`;
  return crashed ? [...reports, { name: crashed.name, failure }] : reports;
}

/** `skipped`: cases that the engine cannot compute, and why. */
export function describeWebGpu(engine: WebGpuEngine, skipped: Readonly<Record<string, string>>): void {
  const cases = conformanceCases(seeds, { whole: engine === 'own' });
  const byName = new Map<string, Report>();
  let unavailable: string | undefined;

  beforeAll(async () => {
    // A crash costs its own case only: the next process goes on behind it.
    for (let first = 0; first < cases.length && unavailable === undefined; ) {
      for (const r of await reportsFrom(engine, cases, first)) {
        if ('unavailable' in r) unavailable = r.unavailable;
        else if ('name' in r) byName.set(r.name, r);
      }
      first = byName.size;
    }
    if (unavailable !== undefined) console.log(`WebGPU conformance skipped, no adapter: ${unavailable}`);
  }, 600_000);

  for (const { name, graph, conditioning } of cases) {
    it(`computes ${name}`, ({ skip }) => {
      if (unavailable !== undefined) skip(`no adapter: ${unavailable}`);
      if (skipped[name] !== undefined) skip(skipped[name]);
      const r = byName.get(name);
      if (!r || !('errors' in r)) throw new Error(r && 'failure' in r ? r.failure : 'no report');
      expect(Object.keys(r.errors)).toEqual(Object.keys(graph.outputs));
      for (const [output, error] of Object.entries(r.errors))
        expect(error, output).toBeLessThan(tolerance * conditioning);
    });
  }
}
