/** webgpu: a whole picture of a tiny model, on the adapter that is there (in CI software Vulkan), beside the CPU's. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import type { PictureReport } from './webgpu-picture-process.ts';

/** SwiftShader, the software Vulkan driver that Debian's chromium package brings. */
const softwareDriver = '/usr/lib/chromium/vk_swiftshader_icd.json';

it('draws the picture that the CPU draws', { timeout: 600_000 }, async ({ skip }) => {
  const script = ownModule(import.meta.url, './webgpu-picture-process');
  const driver =
    !process.env.VK_ICD_FILENAMES && existsSync(softwareDriver) ? { VK_ICD_FILENAMES: softwareDriver } : {};
  const { stdout } = await promisify(execFile)(process.execPath, [...childExecArgv(), script], {
    env: { ...process.env, ...driver },
  });
  const report = JSON.parse(stdout.split('\n').find((line) => line.startsWith('{'))!) as PictureReport;
  if ('unavailable' in report) return skip(`no adapter: ${report.unavailable}`);
  // A picture with something on it, and the same to the rounding of its 8 bits.
  expect(report.spread).toBeGreaterThan(50);
  expect(report.largest).toBeLessThanOrEqual(2);
  expect(report.mean).toBeLessThan(0.2);
});
