/**
 * Collects the nodes and initialisers of one ONNX model while a graph is lowered.
 *
 * Constants are shared by content. Sizes of symbolic dimensions are computed once per model, from the shapes of the
 * graph's inputs, and only where an operator needs them at run time.
 */

import { allocate, type DType } from '#core/dtype';
import { InternalError } from '#core/errors';
import { f32ToBf16Array, f32ToF16Array } from '#core/half';
import { f32, type HostTensor, i64, sizeOf, tensor } from '#core/tensor';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from '#formats/onnx-proto';
import { type Dim, SymbolicDim, symbol, symbolsOf } from '#graph/dim';
import { onnxDataType } from './data-type.ts';

/** An end before every index, however long the axis (ONNX Slice with a negative step). */
const FLIP_END = -(2 ** 31);

/** Kind of execution provider: some fused operators exist on one kind only. */
export type LoweringTarget = 'cpu' | 'gpu';

/** The runtime's one operator for attention, or the products and softmax that it stands for. */
export type AttentionForm = 'fused' | 'plain';

/** `''` is the ONNX domain. */
export type Domain = '' | 'com.microsoft';

export type AttributeValue = number | string | readonly number[] | Float;

interface Float {
  readonly float: number;
}

/** Marks an attribute as a float although its value may be a whole number. */
export function float(value: number): Float {
  return { float: value };
}

/** A byte range of a file, relative to the model's external folder, or of bytes given to the runtime by location. */
export interface ExternalRange {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** What goes with the codes of a weight in blocks (`com.microsoft.MatMulNBits`). */
export interface BlockWeight {
  readonly scales: string;
  readonly zeroPoints: string | undefined;
  readonly attributes: Attributes;
}

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Where the run-time size of a symbol is read: `size = coefficient * symbol + offset`. */
interface SymbolSite {
  readonly input: string;
  readonly axis: number;
  readonly coefficient: number;
  readonly offset: number;
}

export class ModelBuilder {
  readonly target: LoweringTarget;
  readonly attention: AttentionForm;
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** Names of nodes that an accelerator must leave to the CPU. */
  readonly hostNodes: string[] = [];
  /** Weights in blocks, by the name of their codes. */
  readonly blockWeights = new Map<string, BlockWeight>();
  readonly #bindings: Readonly<Record<string, number>>;
  readonly #constants = new Map<string, string>();
  readonly #sizes = new Map<string, string>();
  readonly #sites = new Map<string, SymbolSite>();
  readonly #names = new Set<string>();
  /** Results of nodes, as opposed to inputs and constants. */
  readonly #made = new Set<string>();
  #count = 0;

  constructor(
    target: LoweringTarget = 'cpu',
    bindings: Readonly<Record<string, number>> = {},
    attention: AttentionForm = 'fused',
  ) {
    this.target = target;
    this.attention = attention;
    this.#bindings = bindings;
  }

  /** Adds a node and returns the names of its outputs. An empty input name is an omitted input. */
  nodeOutputs(
    opType: string,
    inputs: readonly string[],
    outputCount: number,
    attributes: Attributes = {},
    domain: Domain = '',
  ): string[] {
    const id = this.#count++;
    const outputs = Array.from({ length: outputCount }, (_, i) =>
      this.claim(`${opType}#${id}${i === 0 ? '' : `.${i}`}`),
    );
    for (const output of outputs) this.#made.add(output);
    this.nodes.push({ opType, domain, name: outputs[0]!, inputs, outputs, attributes: encodeAttributes(attributes) });
    return outputs;
  }

  /** Adds a node with one output and returns its name. */
  node(opType: string, inputs: readonly string[], attributes: Attributes = {}, domain: Domain = ''): string {
    return this.nodeOutputs(opType, inputs, 1, attributes, domain)[0]!;
  }

  /** A node of ONNX Runtime's own operator set. */
  fused(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.node(opType, inputs, attributes, 'com.microsoft');
  }

  /** Leaves the node that made `result` (its first output) to the CPU. */
  keepOnHost(result: string): void {
    this.hostNodes.push(result);
  }

  /** Reserves a name in the model; a taken name gets a suffix. */
  claim(name: string): string {
    let unique = name === '' ? '_' : name;
    while (this.#names.has(unique)) unique += '_';
    this.#names.add(unique);
    return unique;
  }

  initializer(name: string, dtype: DType, dims: readonly number[], rawData: Uint8Array): void {
    this.initializers.push({ name, dataType: onnxDataType(dtype), dims, rawData });
  }

  /** An initialiser whose bytes the runtime finds by itself. */
  externalInitializer(name: string, dtype: DType, dims: readonly number[], external: ExternalRange): void {
    this.initializers.push({ name, dataType: onnxDataType(dtype), dims, external });
  }

  /** Names existing results as graph outputs; each is renamed where its node makes it, or copied if that is taken. */
  nameOutputs(outputs: readonly { readonly from: string; readonly name: string }[]): void {
    const renamed = new Map<string, string>();
    for (const { from, name } of outputs) {
      if (this.#made.has(from) && !renamed.has(from)) renamed.set(from, name);
      else this.nodes.push({ opType: 'Identity', domain: '', name, inputs: [from], outputs: [name], attributes: [] });
    }
    const rename = (x: string): string => renamed.get(x) ?? x;
    this.nodes.forEach((node, i) => {
      this.nodes[i] = { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) };
    });
  }

  /** An initialiser that holds the tensor's bytes inside the model. */
  constant(value: HostTensor): string {
    const { dtype, shape, data } = value;
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    // Only small constants are compared: hashing large ones costs more than it saves.
    const key = bytes.length <= 1024 ? `${dtype}[${shape}]${bytes}` : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known) return known;
    const name = this.claim(`#${this.#count++}`);
    this.initializer(name, dtype, shape, bytes);
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  /** A 1-D i64 constant: axes, sizes, starts. */
  ints(values: readonly number[]): string {
    return this.constant(i64([values.length], values));
  }

  /** A 1-D f32 constant. */
  floats(values: readonly number[]): string {
    return this.constant(f32([values.length], values));
  }

  /** A constant of one value; a scalar unless a shape is given. */
  filled(dtype: DType, value: number, shape: readonly number[] = []): string {
    return this.constant(tensor(dtype, shape, filledArray(dtype, value, sizeOf(shape))));
  }

  /** Declares that axis `axis` of the model input `input` has the size `dim`, so that its symbol can be solved. */
  declareSize(input: string, axis: number, dim: Dim): void {
    const bound = this.bind(dim);
    if (typeof bound === 'number') return;
    const names = symbolsOf(bound);
    if (names.length !== 1 || this.#sites.has(names[0]!)) return;
    const name = names[0]!;
    const coefficient = bound.terms.get(name) ?? 0;
    const offset = bound.terms.get('') ?? 0;
    const linear = bound.terms.size === (offset === 0 ? 1 : 2) && coefficient !== 0;
    if (linear) this.#sites.set(name, { input, axis, coefficient, offset });
  }

  /** The dimension with the symbols that have fixed sizes replaced. */
  bind(dim: Dim): Dim {
    if (typeof dim === 'number') return dim;
    const terms = new Map<string, number>();
    for (const [monomial, coefficient] of dim.terms) {
      let product = coefficient;
      const open: string[] = [];
      for (const s of monomial.split('*').filter(Boolean)) {
        const size = this.#bindings[s];
        if (size === undefined) open.push(s);
        else product *= size;
      }
      const key = open.join('*');
      terms.set(key, (terms.get(key) ?? 0) + product);
    }
    const bound = new SymbolicDim(terms);
    if (bound.terms.size === 0) return 0;
    return bound.terms.size === 1 && bound.terms.has('') ? bound.terms.get('')! : bound;
  }

  bindShape(shape: readonly Dim[]): Dim[] {
    return shape.map((d) => this.bind(d));
  }

  /** Sizes as a 1-D i64 tensor: a constant where they are fixed, otherwise computed at run time. */
  sizes(shape: readonly Dim[]): string {
    const bound = this.bindShape(shape);
    if (bound.every((d) => typeof d === 'number')) return this.ints(bound);
    const parts: string[] = [];
    let run: number[] = [];
    for (const d of bound) {
      if (typeof d === 'number') run.push(d);
      else {
        if (run.length > 0) parts.push(this.ints(run));
        run = [];
        parts.push(this.size(d));
      }
    }
    if (run.length > 0) parts.push(this.ints(run));
    return parts.length === 1 ? parts[0]! : this.node('Concat', parts, { axis: 0 });
  }

  /** The target of a Reshape: one unknown size is left to the runtime. */
  reshapeTarget(shape: readonly Dim[]): string {
    const bound = this.bindShape(shape);
    const open = bound.filter((d) => typeof d !== 'number').length;
    if (open !== 1 || bound.includes(0)) return this.sizes(bound);
    return this.ints(bound.map((d) => (typeof d === 'number' ? d : -1)));
  }

  reshape(x: string, shape: readonly Dim[]): string {
    return this.node('Reshape', [x, this.reshapeTarget(shape)], { allowzero: 1 });
  }

  cast(x: string, to: DType): string {
    return this.node('Cast', [x], { to: onnxDataType(to) });
  }

  /** Reverses axes. */
  flip(x: string, axes: readonly number[]): string {
    const each = (value: number): string => this.ints(axes.map(() => value));
    return this.node('Slice', [x, each(-1), each(FLIP_END), this.ints(axes), each(-1)]);
  }

  zeros(dtype: DType, shape: readonly Dim[]): string {
    return this.node('Expand', [this.filled(dtype, 0), this.sizes(shape)]);
  }

  /** One size as an i64 tensor of one entry. */
  size(dim: Dim): string {
    const bound = this.bind(dim);
    if (typeof bound === 'number') return this.ints([bound]);
    const known = this.#sizes.get(bound.key);
    if (known) return known;
    const name = this.#computeSize(bound);
    this.#sizes.set(bound.key, name);
    return name;
  }

  #computeSize(dim: SymbolicDim): string {
    if (dim.terms.size === 1 && dim.terms.get(dim.key) === 1 && !dim.key.includes('*'))
      return this.#readSymbol(dim.key);
    let total: string | undefined;
    for (const [monomial, coefficient] of dim.terms) {
      const factors = monomial
        .split('*')
        .filter(Boolean)
        .map((s) => this.size(symbol(s)));
      if (coefficient !== 1 || factors.length === 0) factors.push(this.ints([coefficient]));
      const product = factors.reduce((a, b) => this.node('Mul', [a, b]));
      total = total === undefined ? product : this.node('Add', [total, product]);
    }
    return total!;
  }

  #readSymbol(name: string): string {
    const site = this.#sites.get(name);
    if (!site) {
      throw new InternalError(
        `the symbolic dimension ${name} cannot be solved: no input has a dimension of the form k*${name} + c; bind it`,
      );
    }
    const shape = this.node('Shape', [site.input], { start: site.axis, end: site.axis + 1 });
    const shifted = site.offset === 0 ? shape : this.node('Sub', [shape, this.ints([site.offset])]);
    return site.coefficient === 1 ? shifted : this.node('Div', [shifted, this.ints([site.coefficient])]);
  }
}

function encodeAttributes(attributes: Attributes): OnnxAttribute[] {
  return Object.entries(attributes).map(([name, value]) => {
    if (typeof value === 'number') return { name, type: 'int', value };
    if (typeof value === 'string') return { name, type: 'string', value };
    return 'float' in value ? { name, type: 'float', value: value.float } : { name, type: 'ints', value };
  });
}

function filledArray(dtype: DType, value: number, length: number): HostTensor['data'] {
  if (dtype === 'f16') return f32ToF16Array(new Float32Array(length).fill(value));
  if (dtype === 'bf16') return f32ToBf16Array(new Float32Array(length).fill(value));
  const data = allocate(dtype, length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value));
  else data.fill(value);
  return data;
}
