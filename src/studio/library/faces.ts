/** Networks that restore faces and find them, in the folders that ComfyUI's ReActor has for them. */

import { UserError } from '#core/errors';
import type { FindFaceNetworks } from '#pipelines/faces/restore';
import { listOnnx, type OnnxFile } from './onnx-files.ts';

export async function listFaceRestorers(roots: readonly string[]): Promise<OnnxFile[]> {
  return await listOnnx(roots, 'facerestore_models');
}

/** The one of that name, or else the first whose name has it. */
export function faceRestorerOf(files: readonly OnnxFile[], wanted: string): OnnxFile | undefined {
  const text = wanted.trim().toLowerCase();
  const exact = files.find(({ name }) => name.toLowerCase() === text.replace(/\.onnx$/, ''));
  return exact ?? (text === '' ? undefined : files.find(({ name }) => name.toLowerCase().includes(text)));
}

export function faceNetworkFinder(roots: readonly string[]): FindFaceNetworks {
  return async (wanted) => {
    const files = await listFaceRestorers(roots);
    const restorer = faceRestorerOf(files, wanted);
    if (!restorer) {
      const known = files.length > 0 ? `there are ${files.map(({ name }) => name).join(', ')}` : 'there are none';
      const advice = 'put its ONNX file into the folder facerestore_models of the models (docs/CONTROL.md)';
      throw new UserError(
        'faces.restorer',
        `There is no restorer of faces ${JSON.stringify(wanted.slice(0, 100))}; ${known}: ${advice}.`,
      );
    }
    return { restorer, detector: (await listOnnx(roots, 'facedetection'))[0] };
  };
}
