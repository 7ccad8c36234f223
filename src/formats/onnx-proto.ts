/**
 * ONNX models as protobuf bytes. Field numbers: onnx/onnx.proto of the ONNX repository (IR version 10).
 *
 * Written: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto of tensors. Left out: local
 * functions, sub-graph attributes, sequences, maps, sparse tensors, and the typed data fields of TensorProto (values
 * are always `raw_data`, little endian, or external).
 */

import { DarkroomError } from '#core/errors';
import { ProtoWriter } from './protobuf.ts';

export type OnnxAttribute = { readonly name: string } & (
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: number | bigint }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: OnnxTensor }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
);

export interface OnnxNode {
  readonly opType: string;
  /** Operator set; `''` is ONNX itself. */
  readonly domain: string;
  readonly name: string;
  /** An empty name is an omitted optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

/** A byte range of a file named relative to the model's folder (or to the folder given to the runtime). */
export interface OnnxExternalData {
  readonly location: string;
  /** Bytes from the start of the file. */
  readonly offset: number | bigint;
  readonly length: number | bigint;
}

/** A constant; exactly one of `rawData` and `external` holds its values (neither: an empty tensor). */
export interface OnnxTensor {
  readonly name: string;
  /** TensorProto.DataType code. */
  readonly dataType: number;
  readonly dims: readonly (number | bigint)[];
  /** Elements row-major, little endian. */
  readonly rawData?: Uint8Array;
  readonly external?: OnnxExternalData;
}

export interface OnnxValueInfo {
  readonly name: string;
  /** TensorProto.DataType code. */
  readonly dataType: number;
  /** A number is a fixed size (`dim_value`), a string a symbol (`dim_param`), `''` an unknown size. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** Shapes of inner values, where known. */
  readonly valueInfo?: readonly OnnxValueInfo[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion?: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: OnnxGraph;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Largest message that protobuf readers accept. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  floats: 6,
  ints: 7,
  strings: 8,
} as const satisfies Record<OnnxAttribute['type'], number>;

const EXTERNAL = 1;

/** The bytes of an .onnx file. Throws `onnx.too-large` beyond 2 GiB, where weights must be external. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const w = new ProtoWriter();
  w.int64(1, model.irVersion);
  w.string(2, model.producerName);
  if (model.producerVersion !== undefined) w.string(3, model.producerVersion);
  w.message(7, (g) => writeGraph(g, model.graph));
  for (const { domain, version } of model.opsets) {
    w.message(8, (o) => {
      o.string(1, domain);
      o.int64(2, version);
    });
  }
  for (const [key, value] of Object.entries(model.metadata ?? {})) writeEntry(w, 14, key, value);
  if (w.size > MAX_MODEL_BYTES) {
    throw new DarkroomError(
      'onnx.too-large',
      `the ONNX model takes ${w.size} bytes, at most ${MAX_MODEL_BYTES} are possible; keep its weights in external data`,
    );
  }
  return w.finish();
}

function writeGraph(w: ProtoWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) w.message(1, (n) => writeNode(n, node));
  w.string(2, graph.name);
  for (const tensor of graph.initializers) w.message(5, (t) => writeTensor(t, tensor));
  for (const value of graph.inputs) w.message(11, (v) => writeValueInfo(v, value));
  for (const value of graph.outputs) w.message(12, (v) => writeValueInfo(v, value));
  for (const value of graph.valueInfo ?? []) w.message(13, (v) => writeValueInfo(v, value));
}

function writeNode(w: ProtoWriter, node: OnnxNode): void {
  for (const input of node.inputs) w.string(1, input);
  for (const output of node.outputs) w.string(2, output);
  w.string(3, node.name);
  w.string(4, node.opType);
  for (const attribute of node.attributes) w.message(5, (a) => writeAttribute(a, attribute));
  w.string(7, node.domain);
}

function writeAttribute(w: ProtoWriter, attribute: OnnxAttribute): void {
  w.string(1, attribute.name);
  switch (attribute.type) {
    case 'float':
      w.float(2, attribute.value);
      break;
    case 'int':
      w.int64(3, attribute.value);
      break;
    case 'string':
      w.string(4, attribute.value);
      break;
    case 'tensor':
      w.message(5, (t) => writeTensor(t, attribute.value));
      break;
    case 'floats':
      for (const value of attribute.value) w.float(7, value);
      break;
    case 'ints':
      for (const value of attribute.value) w.int64(8, value);
      break;
    case 'strings':
      for (const value of attribute.value) w.string(9, value);
      break;
  }
  w.int64(20, attributeTypes[attribute.type]);
}

function writeTensor(w: ProtoWriter, tensor: OnnxTensor): void {
  for (const dim of tensor.dims) w.int64(1, dim);
  w.int64(2, tensor.dataType);
  w.string(8, tensor.name);
  if (tensor.rawData !== undefined) w.bytes(9, tensor.rawData);
  if (tensor.external !== undefined) {
    const { location, offset, length } = tensor.external;
    writeEntry(w, 13, 'location', location);
    writeEntry(w, 13, 'offset', String(offset));
    writeEntry(w, 13, 'length', String(length));
    w.int64(14, EXTERNAL);
  }
}

/** StringStringEntryProto. */
function writeEntry(w: ProtoWriter, field: number, key: string, value: string): void {
  w.message(field, (e) => {
    e.string(1, key);
    e.string(2, value);
  });
}

function writeValueInfo(w: ProtoWriter, value: OnnxValueInfo): void {
  w.string(1, value.name);
  w.message(2, (type) =>
    type.message(1, (tensorType) => {
      tensorType.int64(1, value.dataType);
      tensorType.message(2, (shape) => {
        for (const dim of value.shape) {
          shape.message(1, (d) => {
            if (typeof dim === 'number') d.int64(1, dim);
            else if (dim !== '') d.string(2, dim);
          });
        }
      });
    }),
  );
}
