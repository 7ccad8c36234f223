/** Versions, processor, memory. */

import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, freemem, platform, release } from 'node:os';
import { machineMemory } from '#studio/engine-host/process-info';
import { version } from '#studio/version';
import { formatBytes } from '../terminal.ts';
import { type Finding, note, ok, problem } from './finding.ts';

const manifest = new URL('../../../package.json', import.meta.url);

export function checkVersions(running = process.versions.node): Finding[] {
  const { engines } = JSON.parse(readFileSync(manifest, 'utf8')) as { engines: { node: string } };
  const least = engines.node.replace(/^>=/, '');
  const node = isAtLeast(running, least)
    ? ok('node', `Node ${running}`)
    : problem('node', `Node ${running} is too old.`, `Install Node ${least} or newer from nodejs.org.`);
  return [ok('darkroom', `Darkroom ${version()} on ${platform()} ${release()} ${arch()}`), node];
}

function isAtLeast(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split('.').map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (a![i] ?? 0) - (b![i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

const littleMemory = 1.5e9;
const modestMemory = 7e9;

export function checkMemory(free = freemem(), total = machineMemory()): Finding[] {
  const threads = availableParallelism();
  const processor = ok('processor', `${cpus()[0]?.model.trim() || 'unknown'}, ${threads} threads`);
  const text = `${formatBytes(Math.min(free, total))} of ${formatBytes(total)} free`;
  if (free < littleMemory) {
    const remedy = 'Close other programs: the embedded model needs about 1 GB, Stable Diffusion 1.5 about 7 GB.';
    return [processor, problem('memory', text, remedy)];
  }
  const short = 'Enough for the embedded model; for Stable Diffusion 1.5 have 7 GB free.';
  return [processor, free < modestMemory ? note('memory', text, short) : ok('memory', text)];
}

/** The library that reads and writes pictures. */
export async function checkImages(): Promise<Finding[]> {
  try {
    const { default: sharp } = await import('sharp');
    return [ok('pictures', `libvips ${sharp.versions.vips}`)];
  } catch (error) {
    const remedy = `Run npm ci on this machine (${platform()} ${arch()}), with optional packages.`;
    return [problem('pictures', `sharp cannot be loaded: ${(error as Error).message.split('\n')[0]}`, remedy)];
  }
}
