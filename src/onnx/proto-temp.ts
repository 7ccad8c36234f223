export type OnnxAttribute = { name: string } & (
  | { type: 'int'; value: number }
  | { type: 'float'; value: number }
  | { type: 'string'; value: string }
  | { type: 'ints'; value: readonly number[] }
);
export interface OnnxNode {
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}
export interface OnnxTensor {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly rawData?: Uint8Array;
  readonly external?: { location: string; offset: number; length: number };
}
export interface OnnxValueInfo {
  readonly name: string;
  readonly dataType: number;
  readonly shape: readonly (number | string)[];
}
export interface OnnxModel {
  irVersion: number;
  producerName: string;
  opsets: readonly { domain: string; version: number }[];
  graph: {
    name: string;
    nodes: readonly OnnxNode[];
    initializers: readonly OnnxTensor[];
    inputs: readonly OnnxValueInfo[];
    outputs: readonly OnnxValueInfo[];
  };
}
class W {
  parts: Uint8Array[] = [];
  size = 0;
  raw(b: Uint8Array) {
    this.parts.push(b);
    this.size += b.length;
  }
  varint(n: number | bigint) {
    let v = BigInt.asUintN(64, BigInt(n));
    const out: number[] = [];
    do {
      const b = Number(v & 127n);
      v >>= 7n;
      out.push(v ? b | 128 : b);
    } while (v);
    this.raw(Uint8Array.from(out));
  }
  int(f: number, n: number | bigint) {
    this.varint((f << 3) | 0);
    this.varint(n);
  }
  bytes(f: number, b: Uint8Array) {
    this.varint((f << 3) | 2);
    this.varint(b.length);
    this.raw(b);
  }
  str(f: number, s: string) {
    this.bytes(
      f,
      Uint8Array.from(unescape(encodeURIComponent(s)), (c) => c.charCodeAt(0)),
    );
  }
  msg(f: number, fn: (w: W) => void) {
    const w = new W();
    fn(w);
    this.varint((f << 3) | 2);
    this.varint(w.size);
    for (const p of w.parts) this.raw(p);
  }
  f32(f: number, v: number) {
    this.varint((f << 3) | 5);
    this.raw(new Uint8Array(new Float32Array([v]).buffer));
  }
  done() {
    const out = new Uint8Array(this.size);
    let o = 0;
    for (const p of this.parts) {
      out.set(p, o);
      o += p.length;
    }
    return out;
  }
}
declare function unescape(s: string): string;
declare function encodeURIComponent(s: string): string;
export function encodeModel(m: OnnxModel): Uint8Array {
  const w = new W();
  w.int(1, m.irVersion);
  w.str(2, m.producerName);
  w.msg(7, (g) => {
    for (const n of m.graph.nodes)
      g.msg(1, (x) => {
        for (const i of n.inputs) x.str(1, i);
        for (const i of n.outputs) x.str(2, i);
        x.str(3, n.name);
        x.str(4, n.opType);
        for (const a of n.attributes)
          x.msg(5, (y) => {
            y.str(1, a.name);
            if (a.type === 'float') {
              y.f32(2, a.value);
              y.int(20, 1);
            } else if (a.type === 'int') {
              y.int(3, a.value);
              y.int(20, 2);
            } else if (a.type === 'string') {
              y.str(4, a.value);
              y.int(20, 3);
            } else {
              for (const v of a.value) y.int(8, v);
              y.int(20, 7);
            }
          });
        x.str(7, n.domain);
      });
    g.str(2, m.graph.name);
    for (const t of m.graph.initializers)
      g.msg(5, (x) => {
        for (const d of t.dims) x.int(1, d);
        x.int(2, t.dataType);
        x.str(8, t.name);
        if (t.rawData) x.bytes(9, t.rawData);
        if (t.external) {
          for (const [k, v] of Object.entries(t.external))
            x.msg(13, (y) => {
              y.str(1, k);
              y.str(2, String(v));
            });
          x.int(14, 1);
        }
      });
    const vi = (f: number, v: OnnxValueInfo) =>
      g.msg(f, (x) => {
        x.str(1, v.name);
        x.msg(2, (t) =>
          t.msg(1, (q) => {
            q.int(1, v.dataType);
            q.msg(2, (s) => {
              for (const d of v.shape) s.msg(1, (y) => (typeof d === 'number' ? y.int(1, d) : y.str(2, d)));
            });
          }),
        );
      });
    for (const v of m.graph.inputs) vi(11, v);
    for (const v of m.graph.outputs) vi(12, v);
  });
  for (const o of m.opsets)
    w.msg(8, (x) => {
      x.str(1, o.domain);
      x.int(2, o.version);
    });
  return w.done();
}
