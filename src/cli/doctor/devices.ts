/** Which devices can compute, and how: each is tried in a process of its own, for a driver may crash. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import type { DeviceReport } from '#backends/webgpu/backend';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import { type Finding, note, ok, problem } from './finding.ts';

const probe = ownModule(import.meta.url, './device-probe');
const patienceMs = 60_000;

/** Those that the runtime has on this system. */
export function likelyDevices(platform: NodeJS.Platform = process.platform): string[] {
  const own: Partial<Record<NodeJS.Platform, string[]>> = { darwin: ['coreml'], win32: ['dml'], linux: ['cuda'] };
  return ['cpu', 'webgpu', ...(own[platform] ?? [])];
}

export async function checkDevices(devices: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  // One after another: a device that is tried while another one computes may time out.
  for (const device of devices) findings.push(findingOf(device, await tryDevice(device)));
  return findings;
}

/** What the probe prints. */
export type Probed =
  | { readonly fails: string }
  | { readonly attention: 'fused' | 'plain' }
  | { readonly report: DeviceReport }
  /** Our own shaders cannot be had, and why; the runtime's can. */
  | { readonly runtimeAlone: string };

const computes = {
  fused: 'computes',
  plain: "computes; the runtime's fused attention is wrong on it, so products and softmax take its place (slower)",
};

function findingOf(device: string, probed: Probed): Finding {
  if ('attention' in probed) return ok(`device ${device}`, computes[probed.attention]);
  if ('report' in probed) return reportFinding(device, probed.report);
  if ('runtimeAlone' in probed) {
    const text = `computes with the runtime's shaders; our own cannot be used: ${probed.runtimeAlone}`;
    return note(`device ${device}`, text, webgpuRemedy(probed.runtimeAlone));
  }
  const text = probed.fails;
  if (device === 'cpu') {
    const remedy = `Run npm ci on this machine; onnxruntime-node supports Linux and Windows on x64 and arm64, macOS on arm64.`;
    return problem(`device ${device}`, text, remedy);
  }
  const remedy = device.startsWith('webgpu') ? webgpuRemedy(text) : remedies[device];
  return note(`device ${device}`, text, remedy ?? 'The CPU works without it.');
}

/** Which adapter it is, what it has, and what it computes wrongly. */
function reportFinding(device: string, { description, software, halves, matrix, distrusted }: DeviceReport): Finding {
  const abilities = [halves ? 'halves' : 'no halves', matrix ? 'subgroup matrices' : 'no subgroup matrices'].join(', ');
  const text = `computes on ${description} (${abilities})`;
  if (distrusted.length > 0) {
    const remedy = 'Update the graphics driver; until then plainer forms are used, which are slower.';
    return note(`device ${device}`, `${text}, but wrongly: ${distrusted.join(', ')}`, remedy);
  }
  if (software) return note(`device ${device}`, `${text}, in software`, webgpuRemedy(''));
  return ok(`device ${device}`, text);
}

const loaders = [
  '/usr/lib/x86_64-linux-gnu/libvulkan.so.1',
  '/usr/lib/aarch64-linux-gnu/libvulkan.so.1',
  '/usr/lib64/libvulkan.so.1',
  '/usr/lib/libvulkan.so.1',
];

/** What is missing for a graphics card. */
export function webgpuRemedy(reason: string, platform = process.platform, exists = existsSync): string {
  if (/npm webgpu/.test(reason)) return 'Run npm install webgpu@0.6.2: it holds the compiler of shaders.';
  if (platform === 'linux' && !loaders.some((file) => exists(file))) {
    return 'Install the Vulkan loader (Debian and Ubuntu: apt install libvulkan1) and the driver of your card.';
  }
  return 'Install the driver of your graphics card (on Linux with Vulkan); until then use --device cpu.';
}

const remedies: Readonly<Record<string, string>> = {
  cuda: 'Needs an NVIDIA card and the CUDA files of onnxruntime-node; --device webgpu needs neither.',
};

/** In a process of its own, whose other lines go nowhere. */
export async function tryDevice(device: string): Promise<Probed> {
  const child = spawn(process.execPath, [...childExecArgv(), probe, device], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (data: Buffer) => {
    said += data.toString();
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.on('error', () => resolve([-1, null]));
    child.on('close', (...end) => resolve(end));
  });
  clearTimeout(timer);
  const last = said.trim().split('\n').at(-1) ?? '';
  if (code === 0 && last.startsWith('{')) return JSON.parse(last) as Probed;
  const end =
    signal === 'SIGKILL' ? `gave no answer in ${patienceMs / 1000} s` : `ended by ${signal ?? `code ${code}`}`;
  return { fails: `The driver ${end}.` };
}
