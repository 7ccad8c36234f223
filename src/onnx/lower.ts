/**
 * Lowers a graph to an ONNX model: one rule an operation (rules/), weights by reference (weights.ts).
 *
 * Opset 21 plus ONNX Runtime's own domain `com.microsoft`. Graph optimisation that the runtime does at load (constant
 * folding, layout) is left to it.
 */

import { InternalError } from '#core/errors';
import type { OnnxModel, OnnxValueInfo } from '#formats/onnx-proto';
import type { Graph, Value } from '#graph/value';
import { topological } from '#graph/value';
import { type AttentionForm, type LoweringTarget, ModelBuilder } from './builder.ts';
import { onnxDataType } from './data-type.ts';
import type { LoweringRule } from './rule.ts';
import { loweringRules } from './rules/table.ts';
import { bindWeights, type ExternalBytes, type LoweredWeights } from './weights.ts';
import { lowerWinograd, planWinograd } from './winograd.ts';

const IR_VERSION = 10;
const OPSETS = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
];

export interface LowerOptions {
  /** Default `cpu`. */
  readonly target?: LoweringTarget;
  /** Default `fused`. `plain` is for devices on which the runtime's operator is wrong. */
  readonly attention?: AttentionForm;
  /** Parameters found here become initialisers; the others become inputs of the model. */
  readonly weights?: LoweredWeights;
  /** Sizes for symbolic dimensions that should be fixed. */
  readonly bindings?: Readonly<Record<string, number>>;
  /** Bytes that may be spent on larger, faster forms of known weights (winograd.ts). Default 0. */
  readonly memoryBudget?: number;
}

/** A graph value under the name that the model gives it (outputs are renamed where they clash with an input). */
export interface ModelPort {
  readonly name: string;
  readonly modelName: string;
  readonly value: Value;
}

export interface LoweredGraph {
  readonly model: OnnxModel;
  /** Inputs, then the parameters without weights. */
  readonly inputs: readonly ModelPort[];
  readonly outputs: readonly ModelPort[];
  /** The folder that the locations of external weights are relative to, if any weight lies in a file. */
  readonly externalFolder: string | undefined;
  /** Weights in memory, to be given to the runtime under their location. */
  readonly externalBytes: readonly ExternalBytes[];
  /** Nodes that an accelerator must leave to the CPU, by name. */
  readonly hostNodes: readonly string[];
}

/** Throws a WeightError for a weight that does not fit its parameter. */
export function lowerGraph(graph: Graph, options: LowerOptions = {}): LoweredGraph {
  const b = new ModelBuilder(options.target, options.bindings, options.attention);
  const weights = bindWeights(b, graph.parameters, options.weights);
  const fed = [...graph.inputs, ...graph.parameters.filter((p) => !weights.names.has(p.attrs.name))];
  const inputs = fed.map((value) => declareInput(b, value));
  const names = lowerValues(b, graph, inputs, weights.names, options.memoryBudget ?? 0);
  const outputs = Object.entries(graph.outputs).map(
    ([name, value]): ModelPort => ({ name, modelName: b.claim(name), value }),
  );
  b.nameOutputs(outputs.map(({ modelName, value }) => ({ from: names.get(value)!, name: modelName })));
  const model: OnnxModel = {
    irVersion: IR_VERSION,
    producerName: 'darkroom',
    opsets: OPSETS,
    graph: {
      name: graph.name,
      nodes: b.nodes,
      initializers: b.initializers,
      inputs: inputs.map((p) => valueInfo(b, p)),
      outputs: outputs.map((p) => valueInfo(b, p)),
    },
  };
  const { folder: externalFolder, inMemory: externalBytes } = weights;
  return { model, inputs, outputs, externalFolder, externalBytes, hostNodes: b.hostNodes };
}

/** Emits every value; returns their names in the model. */
function lowerValues(
  b: ModelBuilder,
  graph: Graph,
  inputs: readonly ModelPort[],
  weights: ReadonlyMap<string, string>,
  memoryBudget: number,
): ReadonlyMap<Value, string> {
  const lowered = new Map<Value, string>();
  const ports = new Map(inputs.map((port) => [port.value.op + port.name, port.modelName]));
  const winograd = planWinograd(b, graph, (name) => weights.has(name), memoryBudget);
  for (const v of topological(Object.values(graph.outputs))) {
    if (v.op === 'parameter' && weights.has(v.attrs.name)) lowered.set(v, weights.get(v.attrs.name)!);
    else if (v.op === 'input' || v.op === 'parameter') lowered.set(v, ports.get(v.op + v.attrs.name)!);
    else if (v.op === 'constant') lowered.set(v, b.constant(v.attrs.tensor));
    else lowered.set(v, lowerValue(b, v, lowered, winograd.has(v)));
  }
  return lowered;
}

function declareInput(b: ModelBuilder, value: Value<'input' | 'parameter'>): ModelPort {
  const modelName = b.claim(value.attrs.name);
  value.shape.forEach((d, axis) => {
    b.declareSize(modelName, axis, d);
  });
  return { name: value.attrs.name, modelName, value };
}

function lowerValue(b: ModelBuilder, v: Value, lowered: ReadonlyMap<Value, string>, winograd: boolean): string {
  const inputs = v.inputs.map((input) => lowered.get(input)!);
  if (winograd && v.op === 'conv2d') return lowerWinograd(b, v, inputs);
  const rule = (loweringRules as Record<string, LoweringRule<never> | undefined>)[v.op];
  if (!rule) throw new InternalError(`no lowering rule for ${v.op}`);
  return rule(b, v as never, inputs);
}

function valueInfo(b: ModelBuilder, { modelName, value }: ModelPort): OnnxValueInfo {
  return {
    name: modelName,
    dataType: onnxDataType(value.dtype),
    shape: b.bindShape(value.shape).map((d) => (typeof d === 'number' ? d : d.key)),
  };
}
