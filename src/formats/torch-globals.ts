/**
 * The allow list for pickles of torch.save: which names may occur, and what becomes of a call to them.
 *
 * Source: torch/_utils.py (`_rebuild_*`), torch/_weights_only_unpickler.py and A1111's modules/safe.py for the names
 * found in real files. Everything else is refused. Left out: quantised, sparse and nested tensors, complex128.
 */

import { sizeOf } from '#core/tensor';
import { viewOf } from './bytes.ts';
import { bitsOf, type FileDType } from './file-dtype.ts';
import type { FormatError } from './format-error.ts';
import type { GlobalRule, PickleRules } from './pickle.ts';
import { pickleError } from './pickle-cursor.ts';
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleSet,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from './pickle-value.ts';
import { encodeLatin1, encodeUtf8 } from './text.ts';

const MAX_DIMENSIONS = 8;
/** A view may repeat elements (stride 0), but not so as to become larger than its storage and this. */
const MAX_REPEATED_BYTES = 16 * 2 ** 20;

const storageTypes: ReadonlyMap<string, FileDType | undefined> = new Map([
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.DoubleStorage', 'F64'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
  ['torch.ComplexFloatStorage', 'C64'],
  ['torch.storage.UntypedStorage', undefined],
]);

const elementTypes: ReadonlyMap<string, FileDType> = new Map([
  ['torch.float32', 'F32'],
  ['torch.float', 'F32'],
  ['torch.float16', 'F16'],
  ['torch.half', 'F16'],
  ['torch.bfloat16', 'BF16'],
  ['torch.float64', 'F64'],
  ['torch.double', 'F64'],
  ['torch.int64', 'I64'],
  ['torch.int32', 'I32'],
  ['torch.int16', 'I16'],
  ['torch.int8', 'I8'],
  ['torch.uint8', 'U8'],
  ['torch.uint16', 'U16'],
  ['torch.uint32', 'U32'],
  ['torch.uint64', 'U64'],
  ['torch.bool', 'BOOL'],
  ['torch.complex64', 'C64'],
  ['torch.float8_e4m3fn', 'F8_E4M3'],
  ['torch.float8_e5m2', 'F8_E5M2'],
  ['torch.float8_e8m0fnu', 'F8_E8M0'],
  ['torch.float8_e4m3fnuz', 'F8_E4M3FNUZ'],
  ['torch.float8_e5m2fnuz', 'F8_E5M2FNUZ'],
]);

/** Classes that occur as values (keys of Lightning's callbacks, types of tensors) and are never instantiated. */
const names = [
  'pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint',
  'pytorch_lightning.callbacks.early_stopping.EarlyStopping',
  'lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint',
  'lightning.pytorch.callbacks.early_stopping.EarlyStopping',
  'typing.Any',
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
  'numpy.ndarray',
  '__builtin__.dict',
  'builtins.dict',
  '__builtin__.list',
  'builtins.list',
];

/** Classes of OmegaConf, in which training scripts keep their settings. */
const configurations = [
  'omegaconf.listconfig.ListConfig',
  'omegaconf.dictconfig.DictConfig',
  'omegaconf.base.ContainerMetadata',
  'omegaconf.base.Metadata',
  'omegaconf.nodes.AnyNode',
];

const call = (apply: NonNullable<GlobalRule['call']>): GlobalRule => ({ call: apply });
const asObject = (type: string): GlobalRule => call((args) => new PickleObject(type, args));

function allowList(): Map<string, GlobalRule> {
  const dict = call(([items]) => dictionary(items));
  const numpy = (module: string): [string, GlobalRule][] => [
    [`${module}.multiarray.scalar`, call(([dtype, bytes]) => numpyScalar(dtype, bytes))],
    [`${module}.multiarray._reconstruct`, asObject('numpy.ndarray')],
  ];
  return new Map<string, GlobalRule>([
    ...[...names, ...storageTypes.keys(), ...elementTypes.keys()].map((name): [string, GlobalRule] => [name, {}]),
    ['collections.OrderedDict', dict],
    ['collections.Counter', dict],
    ['collections.defaultdict', call(() => dictionary(undefined))],
    ['__builtin__.set', call(([items]) => new PickleSet(itemsOf(items)))],
    ['builtins.set', call(([items]) => new PickleSet(itemsOf(items)))],
    ['__builtin__.bytearray', call(encodeBytes)],
    ['builtins.bytearray', call(encodeBytes)],
    ['_codecs.encode', call(encodeBytes)],
    ['torch.Size', call(([items]) => new PickleTuple(itemsOf(items)))],
    ['torch.device', asObject('torch.device')],
    ['torch.nn.modules.container.ParameterDict', asObject('torch.nn.ParameterDict')],
    ['torch._utils._rebuild_tensor_v2', call((args) => rebuildTensor(args, undefined))],
    ['torch._utils._rebuild_tensor_v3', call((args) => rebuildTensor(args, elementType(args[6])))],
    ['torch._utils._rebuild_parameter', call(([tensor]) => expectTensor(tensor))],
    ['torch._utils._rebuild_parameter_with_state', call(([tensor]) => expectTensor(tensor))],
    ['torch._tensor._rebuild_from_type_v2', call(rebuildWithAttributes)],
    ['numpy.dtype', asObject('numpy.dtype')],
    ...configurations.map((name): [string, GlobalRule] => [name, asObject(name)]),
    ...numpy('numpy.core'),
    ...numpy('numpy._core'),
  ]);
}

export interface TorchPickleRules extends PickleRules {
  /** Every storage that the pickle has named, by key. */
  readonly storages: ReadonlyMap<string, PickleStorage>;
}

/** The rules for one pickle. Nothing in a result can be called; tensors are within the bounds of their storages. */
export function torchPickleRules(): TorchPickleRules {
  const storages = new Map<string, PickleStorage>();
  const persistent = (id: PickleValue): PickleStorage => {
    const storage = storageOf(id);
    const known = storages.get(storage.key) ?? storage;
    if (known.numel !== storage.numel || known.dtype !== storage.dtype) {
      throw badTensor('has a storage that is declared in two ways');
    }
    storages.set(storage.key, storage);
    return storage;
  };
  return { globals: allowList(), persistent, storages };
}

function malformed(what: string): FormatError {
  return pickleError('malformed', what);
}

function badTensor(what: string): FormatError {
  return pickleError('bad-tensor', `a tensor of the file ${what}`);
}

/** `('storage', class, key, location, numel)`, before torch 1.6 with `None` or `(view key, first, count)` after it. */
function storageOf(id: PickleValue): PickleStorage {
  const [kind, type, key, , numel, view] = id instanceof PickleTuple ? id.items : [];
  const known = type instanceof PickleGlobal && storageTypes.has(type.path);
  if (kind !== 'storage' || !known || typeof key !== 'string' || !isSize(numel)) {
    throw malformed("a persistent id that is no storage: expected ('storage', class, key, location, elements)");
  }
  const dtype = storageTypes.get(type.path);
  if (!(view instanceof PickleTuple)) return new PickleStorage(key, dtype, numel);
  const [, first, count] = view.items;
  if (!isSize(first) || !isSize(count) || first + count > numel)
    throw badTensor('has a storage view beyond its storage');
  return new PickleStorage(key, dtype, numel, first, count);
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function elementType(value: PickleValue | undefined): FileDType {
  const dtype = value instanceof PickleGlobal ? elementTypes.get(value.path) : undefined;
  if (!dtype) throw badTensor('has no element type that is known');
  return dtype;
}

function expectTensor(value: PickleValue | undefined): PickleTensor {
  if (value instanceof PickleTensor) return value;
  throw malformed('a parameter that is no tensor');
}

/** `(function, type, arguments, attributes)`: a tensor with attributes of its own, which carry no weights. */
function rebuildWithAttributes([rebuild, , args]: readonly PickleValue[]): PickleTensor {
  const plain = rebuild instanceof PickleGlobal && rebuild.path === 'torch._utils._rebuild_tensor_v2';
  if (!plain || !(args instanceof PickleTuple)) throw malformed('a tensor with attributes that is not built as one');
  return rebuildTensor(args.items, undefined);
}

/** `(storage, first element, sizes, strides, ...)`. */
function rebuildTensor(args: readonly PickleValue[], given: FileDType | undefined): PickleTensor {
  const [storage, offset, size, stride] = args;
  if (!(storage instanceof PickleStorage) || !(size instanceof PickleTuple) || !(stride instanceof PickleTuple)) {
    throw malformed('a tensor without a storage, sizes and strides');
  }
  const dtype = given ?? storage.dtype;
  if (dtype === undefined || (given && storage.dtype)) throw badTensor('has no element type, or two of them');
  const shape = size.items;
  const strides = stride.items;
  if (!shape.every(isSize) || !strides.every(isSize) || !isSize(offset)) {
    throw badTensor(`has a negative or huge size, stride or offset: [${shape}], [${strides}], ${offset}`);
  }
  if (shape.length !== strides.length || shape.length > MAX_DIMENSIONS) {
    throw badTensor(
      `has ${shape.length} sizes and ${strides.length} strides, expected equal counts up to ${MAX_DIMENSIONS}`,
    );
  }
  checkBounds(storage, dtype, offset, shape, strides);
  return new PickleTensor(storage, dtype, firstElement(storage, dtype) + offset, shape, strides);
}

/** Elements of `dtype` that the storage's part holds. */
function capacity(storage: PickleStorage, dtype: FileDType): number {
  return Math.floor((storage.count * storageBits(storage)) / bitsOf(dtype));
}

function firstElement(storage: PickleStorage, dtype: FileDType): number {
  return (storage.first * storageBits(storage)) / bitsOf(dtype);
}

function storageBits(storage: PickleStorage): number {
  return storage.dtype === undefined ? 8 : bitsOf(storage.dtype);
}

function checkBounds(
  storage: PickleStorage,
  dtype: FileDType,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const numel = sizeOf(shape);
  const held = capacity(storage, dtype);
  // Doubles are exact up to 2^53 and never round a larger sum down to a storage's size.
  const last = shape.reduce((sum, d, i) => sum + (d - 1) * strides[i]!, offset);
  const empty = shape.includes(0);
  if (!Number.isSafeInteger(numel) || (!empty && !(last < held)) || (empty && offset > held)) {
    throw badTensor(
      `of shape [${shape}], strides [${strides}] and offset ${offset} leaves its storage of ${held} elements`,
    );
  }
  if (numel > held && (numel * bitsOf(dtype)) / 8 > MAX_REPEATED_BYTES) {
    throw badTensor(`of shape [${shape}] repeats a storage of ${held} elements beyond ${MAX_REPEATED_BYTES} bytes`);
  }
}

function itemsOf(value: PickleValue | undefined): PickleValue[] {
  if (value === undefined) return [];
  if (value instanceof PickleList || value instanceof PickleTuple || value instanceof PickleSet)
    return [...value.items];
  throw malformed('expected a list of items');
}

/** From nothing, a dictionary, or a list of pairs (as Python 2 wrote OrderedDict). */
function dictionary(items: PickleValue | undefined): PickleDict {
  const dict = new PickleDict(true);
  if (items instanceof PickleDict) for (const [key, value] of items.entries) dict.entries.set(key, value);
  else {
    for (const pair of itemsOf(items)) {
      const [key, value, ...rest] = itemsOf(pair);
      if (key === undefined || value === undefined || rest.length > 0) throw malformed('expected a list of pairs');
      dict.entries.set(key, value);
    }
  }
  return dict;
}

/** `(text, encoding)` or bytes: how protocol 2 writes `bytes`. */
function encodeBytes([text, encoding]: readonly PickleValue[]): Uint8Array {
  if (text === undefined) return new Uint8Array();
  if (text instanceof Uint8Array) return text;
  const latin1 = encoding === 'latin1' || encoding === 'latin-1';
  const bytes = typeof text !== 'string' ? undefined : latin1 ? encodeLatin1(text) : encodeUtf8(text);
  if (!bytes || (!latin1 && encoding !== 'utf-8' && encoding !== 'utf8'))
    throw malformed('bytes of an unknown encoding');
  return bytes;
}

/** Readers of the plain numbers, by NumPy's kind and size; `<` or `|` is little endian or a single byte. */
const numpyNumbers: Readonly<Record<string, (view: DataView) => number | bigint | boolean>> = {
  f8: (v) => v.getFloat64(0, true),
  f4: (v) => v.getFloat32(0, true),
  i8: (v) => v.getBigInt64(0, true),
  i4: (v) => v.getInt32(0, true),
  i2: (v) => v.getInt16(0, true),
  i1: (v) => v.getInt8(0),
  u8: (v) => v.getBigUint64(0, true),
  u4: (v) => v.getUint32(0, true),
  u2: (v) => v.getUint16(0, true),
  u1: (v) => v.getUint8(0),
  b1: (v) => v.getUint8(0) !== 0,
};

/** A number where the type is plain; otherwise the parts, uninterpreted. */
function numpyScalar(dtype: PickleValue | undefined, bytes: PickleValue | undefined): PickleValue {
  if (!(dtype instanceof PickleObject) || dtype.type !== 'numpy.dtype' || bytes === undefined) {
    throw malformed('a NumPy scalar without a dtype');
  }
  const [code] = dtype.args;
  const order = dtype.state instanceof PickleTuple ? dtype.state.items[1] : undefined;
  const read = typeof code === 'string' && Object.hasOwn(numpyNumbers, code) ? numpyNumbers[code] : undefined;
  const plain =
    (order === '<' || order === '|') && bytes instanceof Uint8Array && String(code).endsWith(String(bytes.length));
  if (!read || !plain) return new PickleObject('numpy.scalar', [dtype, bytes]);
  const value = read(viewOf(bytes));
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
