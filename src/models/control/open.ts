/** Opens a file as a control network of a given model: what it is by its body, checked against the model here. */

import { describeFile } from '../detect.ts';
import type { FileKind } from '../file-kinds.ts';
import { ModelFileError } from '../model-error.ts';
import type { ModelFiles, TensorFile } from '../tensor-file.ts';
import type { ControlBase } from './base.ts';
import { type ControlNetFile, openControlNet } from './controlnet-file.ts';
import { type IpAdapterFile, openIpAdapter } from './ip-adapter.ts';
import { openT2iAdapter, type T2iAdapterFile } from './t2i-adapter.ts';

export type ControlModel =
  | ({ readonly kind: 'controlnet' } & ControlNetFile)
  | ({ readonly kind: 't2i-adapter' } & T2iAdapterFile)
  | ({ readonly kind: 'ip-adapter' } & IpAdapterFile);

/** Kinds of files that control units take. */
export const controlKinds = ['controlnet', 't2i-adapter', 'ip-adapter'] as const satisfies readonly FileKind[];

/** @throws ModelFileError for another kind of file, one for another base, or a damaged one */
export async function openControl(files: ModelFiles, file: TensorFile, base: ControlBase): Promise<ControlModel> {
  const { kind, title } = describeFile(file.tensors);
  switch (kind) {
    case 'controlnet':
      return { kind, ...(await openControlNet(files, file, base)) };
    case 't2i-adapter':
      return { kind, ...openT2iAdapter(file, base) };
    case 'ip-adapter':
      return { kind, ...openIpAdapter(file, base) };
    default: {
      const message = `this is ${title}; expected a ControlNet, a T2I adapter or an IP adapter`;
      throw new ModelFileError('control-kind', message, file.path);
    }
  }
}
