/**
 * The engine that commands draw with: in this process, or for a large model on the CPU in an engine process as the
 * studio has them, whose allocator gives freed blocks back (`engineEnvironment`) and whose end for want of memory is told
 * in a sentence. A small model gains nothing by it, and a second process takes 0.4 s to start.
 */

import { UserError } from '#core/errors';
import type { PictureEngine } from '#pipelines/request';
import { EngineHost } from '#studio/engine-host/host';
import { hasEngineEnvironment } from '#studio/engine-host/process-info';
import type { EngineSettings } from '#studio/engine-host/protocol';
import { ownModule } from '#studio/files/own-module';
import { modelBytes } from '#studio/library/open-model';
import { modelRoots } from '#studio/library/roots';
import { createEngine } from '../../engine-main.ts';
import { checkUsable } from '../doctor/usable.ts';

/** Bytes of a model from which on it pays: less than half of any real Stable Diffusion. */
const large = 500e6;

/** `model`: what the request names. @throws EngineError where the device cannot be used */
export async function engineFor(settings: EngineSettings, model: string | undefined): Promise<PictureEngine> {
  await checkUsable(settings.device);
  if (settings.device !== 'cpu' || hasEngineEnvironment()) return createEngine(settings);
  return (await isLarge(model, settings.modelRoots)) ? inOwnProcess(settings) : createEngine(settings);
}

function inOwnProcess(settings: EngineSettings): PictureEngine {
  const host = new EngineHost({
    module: ownModule(import.meta.url, '../../engine-main'),
    settings,
    idleMs: 0,
    onOutput: (text) => void process.stderr.write(text),
  });
  // Where this process is ended in the middle of a step, nobody else would end the other.
  process.once('exit', () => {
    const { pid } = host.status();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  });
  return host;
}

async function isLarge(model: string | undefined, roots: readonly string[]): Promise<boolean> {
  try {
    return (await modelBytes(model, modelRoots(roots))) >= large;
  } catch (error) {
    // What is wrong with it is told where it is opened.
    if (error instanceof UserError) return false;
    throw error;
  }
}
