/** Which devices can compute, and how: each is tried in a process of its own, for a driver may crash. */

import { spawn } from 'node:child_process';
import { childExecArgv } from '#studio/engine-host/process-info';
import { ownModule } from '#studio/files/own-module';
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

/** Without the place in the runtime's own source. */
function withoutSource(message: string): string {
  return message.replace(/\/\S+\.cc:\d+ .* was false\. /, '');
}

/** What the probe prints. */
export type Probed = { readonly fails: string } | { readonly attention: 'fused' | 'plain' };

const computes = {
  fused: 'computes',
  plain: "computes; the runtime's fused attention is wrong on it, so products and softmax take its place (slower)",
};

function findingOf(device: string, probed: Probed): Finding {
  if ('attention' in probed) return ok(`device ${device}`, computes[probed.attention]);
  const text = probed.fails;
  if (device === 'cpu') {
    const remedy = `Run npm ci on this machine; onnxruntime-node supports Linux and Windows on x64 and arm64, macOS on arm64.`;
    return problem(`device ${device}`, text, remedy);
  }
  return note(`device ${device}`, text, remedies[device] ?? 'The CPU works without it.');
}

const remedies: Readonly<Record<string, string>> = {
  webgpu: 'Install the graphics driver (on Linux with Vulkan); until then use --device cpu.',
  cuda: 'Needs an NVIDIA card and the CUDA files of onnxruntime-node; --device webgpu needs neither.',
};

async function tryDevice(device: string): Promise<Probed> {
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
  if (code === 0 && last.startsWith('{')) {
    const probed = JSON.parse(last) as Probed;
    return 'fails' in probed ? { fails: withoutSource(probed.fails) } : probed;
  }
  const end =
    signal === 'SIGKILL' ? `gave no answer in ${patienceMs / 1000} s` : `ended by ${signal ?? `code ${code}`}`;
  return { fails: `The driver ${end}.` };
}
