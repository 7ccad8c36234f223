/** What a pickle becomes here: plain data. Nothing of it can be called. */

import type { FileDType } from './file-dtype.ts';

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleList
  | PickleSet
  | PickleDict
  | PickleGlobal
  | PickleObject
  | PickleStorage
  | PickleTensor;

export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

export class PickleList {
  readonly items: PickleValue[] = [];
}

export class PickleSet {
  readonly items: PickleValue[];

  constructor(items: PickleValue[] = []) {
    this.items = items;
  }
}

/** A `dict` or one of its relatives; keys that are text or numbers are compared by value, others by identity. */
export class PickleDict {
  readonly entries = new Map<PickleValue, PickleValue>();
  /** Whether it came from a class that may carry further attributes (OrderedDict), which are dropped. */
  readonly hasAttributes: boolean;

  constructor(hasAttributes = false) {
    this.hasAttributes = hasAttributes;
  }

  get(key: string | number): PickleValue | undefined {
    return this.entries.get(key);
  }
}

/** A class or function of the allow list, by name only. */
export class PickleGlobal {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An instance of a class of the allow list that is kept as its constructor arguments and its state. */
export class PickleObject {
  readonly type: string;
  readonly args: readonly PickleValue[];
  state: PickleValue = null;

  constructor(type: string, args: readonly PickleValue[]) {
    this.type = type;
    this.args = args;
  }
}

/** A block of elements outside the pickle, or a part of one. */
export class PickleStorage {
  /** Name of the block in its container. */
  readonly key: string;
  /** undefined: bytes of no type. */
  readonly dtype: FileDType | undefined;
  /** Elements of the whole block (bytes where it has no type). */
  readonly numel: number;
  /** The part: first element and count; the whole block unless the file predates torch 1.6. */
  readonly first: number;
  readonly count: number;

  constructor(key: string, dtype: FileDType | undefined, numel: number, first = 0, count = numel) {
    this.key = key;
    this.dtype = dtype;
    this.numel = numel;
    this.first = first;
    this.count = count;
  }
}

/** A strided view of a storage, within its bounds. */
export class PickleTensor {
  readonly storage: PickleStorage;
  readonly dtype: FileDType;
  /** Elements of `dtype` before the first one, from the start of the whole block. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** In elements, never negative. */
  readonly strides: readonly number[];

  constructor(
    storage: PickleStorage,
    dtype: FileDType,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** The parts a value is made of; none for text, numbers, tensors. */
export function childrenOf(value: PickleValue): Iterable<PickleValue> {
  if (value instanceof PickleTuple || value instanceof PickleList || value instanceof PickleSet) return value.items;
  if (value instanceof PickleDict) return [...value.entries.keys(), ...value.entries.values()];
  if (value instanceof PickleObject) return [...value.args, value.state];
  return [];
}
