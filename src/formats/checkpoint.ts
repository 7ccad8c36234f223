/**
 * PyTorch checkpoints (.ckpt, .pt, .pth, .bin) as tables of tensors, in the manner of safetensors.ts: names, dtypes,
 * shapes and byte ranges first, data on demand. Nothing in the file is executed (pickle.ts, torch-globals.ts).
 */

import type { HostTensor } from '#core/tensor';
import { sizeOf } from '#core/tensor';
import type { ByteSource } from './byte-source.ts';
import { type CheckpointContainer, checkpointError, openCheckpointContainer } from './checkpoint-container.ts';
import { bitsOf, type FileDType, hostTensor } from './file-dtype.ts';
import { inPlace } from './format-error.ts';
import { childrenOf, PickleDict, PickleTensor, type PickleValue } from './pickle-value.ts';
import { gatherStrided, isContiguous } from './strided.ts';

export interface CheckpointTensor {
  readonly name: string;
  readonly dtype: FileDType;
  readonly shape: readonly number[];
  /** Bytes of the tensor in row-major order. */
  readonly byteLength: number;
  /**
   * Where these bytes lie in the file; undefined when the file holds them in another order or compressed, and only
   * `readCheckpointTensor` gives them.
   */
  readonly offset: number | undefined;
  readonly view: PickleTensor;
}

export interface Checkpoint {
  readonly container: 'zip' | 'legacy';
  /** The whole saved value: training counters, nested dictionaries (embeddings, hypernetworks). */
  readonly root: PickleValue;
  /** The tensors of the state dictionary, in the order of the file. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Keys of other tables that might have been meant (a moving average beside weights), the one that was taken first. */
  readonly choices: readonly string[];
  /** A tensor anywhere in `root`, under a name of the caller's. */
  locate(name: string, view: PickleTensor): CheckpointTensor;
  /** The bytes of any tensor in `root`, row-major and little endian. */
  readBytes(view: PickleTensor): Promise<Uint8Array>;
}

/** Where training scripts put the weights beside other things. */
const WRAPPERS = ['state_dict', 'model_state_dict', 'model', 'module', 'params_ema', 'params', 'model_ema', 'ema'];

/**
 * Opens a checkpoint: reads its pickle and finds every tensor's bytes, but reads none of them.
 * Throws FormatError.
 */
export async function openCheckpoint(source: ByteSource): Promise<Checkpoint> {
  return await inPlace({ file: source.name }, async () => {
    const container = await openCheckpointContainer(source);
    const { root } = container;
    if (!(root instanceof PickleDict)) throw checkpointError('malformed', 'the checkpoint is no dictionary of tensors');
    const all = tensorsWithin(root);
    if (all.size === 0) throw checkpointError('malformed', 'the checkpoint holds no tensors');
    for (const view of all) container.block(view.storage);
    const tensors = new Map<string, CheckpointTensor>();
    const { table, choices } = unwrap(root);
    for (const [name, view] of table.entries) {
      if (typeof name === 'string' && view instanceof PickleTensor) tensors.set(name, entry(container, name, view));
    }
    return {
      container: container.kind,
      root,
      tensors,
      choices,
      locate: (name, view) => entry(container, name, view),
      readBytes: (view) => readBytes(container, view),
    };
  });
}

/** The values of one tensor of the state dictionary. Throws `tensor.unsupported-dtype`, or FormatError when damaged. */
export async function readCheckpointTensor(checkpoint: Checkpoint, tensor: CheckpointTensor): Promise<HostTensor> {
  return hostTensor(tensor, await checkpoint.readBytes(tensor.view));
}

function entry(container: CheckpointContainer, name: string, view: PickleTensor): CheckpointTensor {
  const { dtype, shape, strides } = view;
  const width = bitsOf(dtype) / 8;
  const { offset } = container.block(view.storage);
  const inPlace = offset !== undefined && isContiguous(shape, strides);
  const byteLength = sizeOf(shape) * width;
  return { name, dtype, shape, byteLength, offset: inPlace ? offset + view.offset * width : undefined, view };
}

async function readBytes(container: CheckpointContainer, view: PickleTensor): Promise<Uint8Array> {
  // The whole storage, even for a part of it: only so can its checksum be verified.
  const bytes = await container.block(view.storage).read();
  return gatherStrided(bytes, bitsOf(view.dtype) / 8, view.offset, view.shape, view.strides);
}

/** Descends to the dictionary that holds the tensors themselves; where several do, the first by WRAPPERS. */
function unwrap(root: PickleDict): { table: PickleDict; choices: string[] } {
  let table = root;
  let choices: string[] = [];
  const seen = new Set<PickleDict>();
  while (!seen.has(table)) {
    seen.add(table);
    const keys = isTable(table) ? ['state_dict'] : WRAPPERS;
    const inner = keys.filter((key) => table.get(key) instanceof PickleDict);
    const [first] = inner;
    if (first === undefined) continue;
    const within = inner.filter((key) => isTable(table.get(key)));
    if (within.length > 1) choices = within;
    table = table.get(first) as PickleDict;
  }
  return { table, choices };
}

function isTable(value: PickleValue | undefined): boolean {
  return value instanceof PickleDict && [...value.entries.values()].some((entry) => entry instanceof PickleTensor);
}

/** Every tensor in a value, each once, without recursion. */
function tensorsWithin(root: PickleValue): Set<PickleTensor> {
  const found = new Set<PickleTensor>();
  const seen = new Set<PickleValue>();
  const open: PickleValue[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (value instanceof PickleTensor) found.add(value);
    for (const child of childrenOf(value)) {
      const composite = typeof child === 'object' && child !== null;
      if (composite && !seen.has(child)) {
        seen.add(child);
        open.push(child);
      }
    }
  }
  return found;
}
