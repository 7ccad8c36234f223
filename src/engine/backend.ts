/**
 * What an execution backend offers: compile a graph once, run it many times.
 *
 * Implementations live in `backends/`; each passes the conformance suite in `test/conformance`. Only `main` files
 * choose one.
 */

import type { DType } from '#core/dtype';
import type { HostTensor, Shape } from '#core/tensor';
import type { ByteSource } from '#formats/byte-source';
import type { Packing } from '#formats/packing';
import type { Graph } from '#graph/value';

/**
 * Where the bytes of a parameter are: in memory, a range of a file that the runtime reads by itself, or packed in a way
 * that no runtime reads (packed.ts unpacks it).
 */
export type WeightRef = WeightBytes | WeightRange | WeightPacked;

export interface WeightBytes {
  readonly kind: 'memory';
  readonly tensor: HostTensor;
}

/**
 * A byte range of a file (row-major, little-endian). `shape` is the stored shape; it may differ from the parameter's
 * in ones only (a 1x1 convolution stored for a linear layer). `transpose` swaps the two axes of a stored matrix.
 */
export interface WeightRange {
  readonly kind: 'file';
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly transpose?: boolean;
}

/**
 * A byte range of a file whose elements are in blocks or eight bits. `shape` is the shape of the whole range; `part` is
 * one of equal parts of its first axis, taken before `transpose`.
 */
export interface WeightPacked {
  readonly kind: 'packed';
  readonly path: string;
  readonly source: ByteSource;
  readonly offset: number;
  readonly byteLength: number;
  readonly packing: Packing;
  readonly shape: readonly number[];
  /** What values are multiplied by: one number, or one for each row. */
  readonly scale?: WeightRange | undefined;
  readonly part?: readonly [index: number, of: number];
  readonly transpose?: boolean;
}

/** Weights by canonical parameter name. Missing names must throw an error that says which and what was expected. */
export interface WeightSource {
  get(name: string): WeightRef | undefined;
}

export interface CompileOptions {
  /** Parameters found here become constants of the session; every other parameter is fed at each run like an input. */
  readonly weights?: WeightSource;
  /** `load` starts soonest (no prepacking); `speed` (default) spends load time and memory for faster runs. */
  readonly optimize?: 'speed' | 'load';
  /** Bytes that lowering may spend on faster forms of the same weights (Winograd convolutions). Default 0. */
  readonly memoryBudget?: number;
  /** Sizes for symbolic dimensions that should be fixed at compile time. */
  readonly bindings?: Readonly<Record<string, number>>;
  readonly threads?: number;
  /** `half` allows a device to store weights and inner results as halves where it has them. Default `full`. */
  readonly precision?: 'full' | 'half';
  /** Told of bytes of weights, as they are stored, that have come to the device; by backends that bring them there. */
  readonly loaded?: (bytes: number) => void;
}

export type Feeds = Readonly<Record<string, HostTensor>>;

export interface RunOptions {
  /**
   * Preallocated outputs by name; the result then holds exactly these tensors. Must not overlap any feed. Lets a
   * training step write its new state without allocating.
   */
  readonly into?: Readonly<Record<string, HostTensor>>;
  /** Feeds whose elements do not change for as long as the tensor is the same object: a device may keep its copy. */
  readonly unchanged?: ReadonlySet<string>;
}

/** A tensor in the memory of a device. Its elements never change; `dispose` gives the memory back. */
export interface DeviceTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  read(): Promise<HostTensor>;
  dispose(): void;
}

/** Feeds that may lie on the device already. */
export type ResidentFeeds = Readonly<Record<string, HostTensor | DeviceTensor>>;

export interface ResidentResults {
  /** Outputs that were not to be kept. */
  readonly host: Record<string, HostTensor>;
  readonly device: Record<string, DeviceTensor>;
}

export interface Session {
  readonly graph: Graph;
  /** Runs once; outputs are on the host, in the graph's dtypes. Rejects with an EngineError. */
  run(feeds: Feeds, options?: RunOptions): Promise<Record<string, HostTensor>>;
  /** Runs once and leaves the outputs named in `keep` on the device. Absent where the device is the host. */
  runResident?(feeds: ResidentFeeds, keep: readonly string[]): Promise<ResidentResults>;
  dispose(): Promise<void>;
}

/** Elementwise operations as one pass over arrays of one length, in float32. */
export interface FusedKernel {
  /**
   * Reads the graph's leaves by name (scalars as tensors of one element) and writes every output. Outputs may be the
   * same memory as inputs. Throws an EngineError for a missing or unfit tensor.
   */
  run(feeds: Feeds, into: Feeds): void;
}

/** What a model of another's making takes or gives; sizes that it leaves open are undefined. */
export interface ForeignPort {
  readonly name: string;
  /** Undefined for types that cannot be fed. */
  readonly dtype: DType | undefined;
  readonly shape: readonly (number | undefined)[];
}

/** A model of another's making, run as it is. */
export interface ForeignSession {
  readonly inputs: readonly ForeignPort[];
  readonly outputs: readonly ForeignPort[];
  /** Rejects with an EngineError. */
  run(feeds: Feeds): Promise<Record<string, HostTensor>>;
  dispose(): Promise<void>;
}

export interface Backend {
  /** Stable name: `cpu`, `webgpu`, `cuda`, `reference`. */
  readonly name: string;
  compile(graph: Graph, options?: CompileOptions): Promise<Session>;
  /** Parameters of a graph whose packed weights stay as they are in its session; absent where all are widened. */
  keptInBlocks?(graph: Graph, weights: WeightSource): Promise<ReadonlySet<string>>;
  /** Brings a tensor to the device, for sessions with `runResident`; undefined where the device is the host. */
  upload?(tensor: HostTensor): Promise<DeviceTensor | undefined>;
  /**
   * Compiles an elementwise graph over vectors and scalars, whose shapes stand for any length. Undefined for a graph
   * that does not fit; absent where the backend's arrays do not lie in host memory.
   */
  fuse?(graph: Graph): FusedKernel | undefined;
  /** Opens an ONNX file; absent where the backend cannot. Rejects with an EngineError. */
  openOnnx?(path: string): Promise<ForeignSession>;
  dispose(): Promise<void>;
}
