/** Writes the little of ONNX (onnx.proto3, protocol buffers' wire format) that models for tests need. */

export interface OnnxNode {
  op: string;
  inputs: string[];
  output: string;
  /** Whole numbers. */
  attributes?: Record<string, number>;
}

export interface OnnxValue {
  name: string;
  type: 'float' | 'int64';
  /** A word stands for a size that is known at run time only. */
  shape: (number | string)[];
}

export interface OnnxTensor {
  name: string;
  dims: number[];
  data: Float32Array | BigInt64Array;
}

export interface OnnxGraph {
  nodes: OnnxNode[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  weights: OnnxTensor[];
}

const ELEMENT = { float: 1, int64: 7 } as const;
const ATTRIBUTE_INT = 2;
const IR_VERSION = 8;
const OPSET = 13;

export function encodeOnnx({ nodes, inputs, outputs, weights }: OnnxGraph): Buffer {
  const graph = Buffer.concat([
    ...nodes.map((node) => bytes(1, encodeNode(node))),
    bytes(2, 'graph'),
    ...weights.map((tensor) => bytes(5, encodeTensor(tensor))),
    ...inputs.map((value) => bytes(11, encodeValue(value))),
    ...outputs.map((value) => bytes(12, encodeValue(value))),
  ]);
  const opset = Buffer.concat([bytes(1, ''), number(2, OPSET)]);
  return Buffer.concat([number(1, IR_VERSION), bytes(7, graph), bytes(8, opset)]);
}

function encodeNode({ op, inputs, output, attributes = {} }: OnnxNode): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => bytes(1, name)),
    bytes(2, output),
    bytes(3, output),
    bytes(4, op),
    ...Object.entries(attributes).map(([name, value]) =>
      bytes(5, Buffer.concat([bytes(1, name), number(3, value), number(20, ATTRIBUTE_INT)])),
    ),
  ]);
}

function encodeTensor({ name, dims, data }: OnnxTensor): Buffer {
  const type = data instanceof Float32Array ? 'float' : 'int64';
  return Buffer.concat([
    ...dims.map((size) => number(1, size)),
    number(2, ELEMENT[type]),
    bytes(8, name),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}

function encodeValue({ name, type, shape }: OnnxValue): Buffer {
  const dims = shape.map((size) => bytes(1, typeof size === 'number' ? number(1, size) : bytes(2, size)));
  const tensor = Buffer.concat([number(1, ELEMENT[type]), bytes(2, Buffer.concat(dims))]);
  return Buffer.concat([bytes(1, name), bytes(2, bytes(1, tensor))]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytes(field: number, content: Uint8Array | string): Buffer {
  const body = Buffer.from(content);
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
}

function varint(value: number): Buffer {
  const groups: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) groups.push(Number(rest & 127n) | 128);
  return Buffer.from([...groups, Number(rest)]);
}
