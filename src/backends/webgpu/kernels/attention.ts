/**
 * Attention in one pass over the keys (Dao et al. 2022, FlashAttention, algorithm 1, with the order of loops of its
 * second version): a workgroup holds 32 queries of one head, takes 32 keys at a time, and keeps the running maximum,
 * sum and mixture of every query in registers. Scores are never stored. Values wider than 128 are cut into parts, for
 * each of which the scores are computed again.
 */

import { type Shape, stridesOf } from '#core/tensor';
import type { Value } from '#graph/value';
import type { Emitter, Stored } from '../emitter.ts';
import { gridOf, type KernelText } from '../kernel.ts';
import { literal } from '../literal.ts';
import type { Planner } from '../planner.ts';
import { Shader } from '../shader.ts';

const QUERIES = 32;
const KEYS = 32;
const THREADS = 64;
/** Invocations side by side; each has four queries and four keys. */
const SIDE = 8;
const DEPTH = 16;
const VALUE_DEPTH = 8;
const WIDEST = 128;
const LOWEST = literal(-3.4028234663852886e38, 'f32');

interface Sizes {
  readonly n: number;
  readonly heads: number;
  /** Queries and keys. */
  readonly t: number;
  readonly s: number;
  /** Widths of a head in keys and in values. */
  readonly d: number;
  readonly dv: number;
}

export function scheduleAttention(p: Planner, v: Value<'attention'>): void {
  const stored = p.finish(v);
  const sizes = sizesOf(p, v);
  if (p.elementsOf(v) === 0) p.done(stored);
  else {
    const text =
      sizes.s === 0 || p.traits.distrusted.has('attention')
        ? plainText(p, v, sizes, stored)
        : onePassText(p, v, sizes, stored);
    p.done(stored, { label: 'attention', ...text, plain: () => plainText(p, v, sizes, stored) });
  }
}

function sizesOf(p: Planner, v: Value<'attention'>): Sizes {
  const { heads } = v.attrs;
  const [n, t, width] = p.shapeOf(v.inputs[0]!) as readonly [number, number, number];
  const [, s, valueWidth] = p.shapeOf(v.inputs[2]!) as readonly [number, number, number];
  return { n, heads, t, s, d: width / heads, dv: valueWidth / heads };
}

/** Element of a [n, tokens, heads * width] operand; `head` counts over batch and heads. */
function element(
  e: Emitter,
  x: Value,
  { heads }: Sizes,
  tokens: number,
  width: number,
  head: string,
  token: string,
  at: string,
): string {
  const [sample, own] = [`(${head} / ${heads}u)`, `(${head} % ${heads}u)`];
  return e.at(x, e.let(`((${sample} * ${tokens}u + ${token}) * ${heads}u + ${own}) * ${width}u + ${at}`, 'i'));
}

/** Declares `name(head, token, at) -> f32`, zero outside. */
function declareOperand(e: Emitter, name: string, x: Value, sizes: Sizes, tokens: number, width: number): void {
  const body = e.captured(() => {
    e.line(`if (token >= ${tokens}u || at >= ${width}u) { return 0.0; }`);
    e.line(`return ${element(e, x, sizes, tokens, width, 'head', 'token', 'at')};`);
  });
  e.shader.declare(`fn ${name}(head: u32, token: u32, at: u32) -> f32 {\n${body}}`);
}

/** Declares `seen(query, key) -> bool` and `score(head, query, key, dot) -> f32`. */
function declareScore(e: Emitter, v: Value<'attention'>, sizes: Sizes): void {
  const { s, t, n, heads } = sizes;
  const causal = v.attrs.causal ? ' && key <= query' : '';
  e.shader.declare(`fn seen(query: u32, key: u32) -> bool { return query < ${t}u && key < ${s}u${causal}; }`);
  const mask = v.inputs[3];
  const scale = literal(v.attrs.scale, 'f32');
  const body = e.captured(() => {
    e.line(`if (!seen(query, key)) { return ${LOWEST}; }`);
    if (!mask) e.line(`return dot * ${scale};`);
    else {
      const full = e.let(`(head * ${t}u + query) * ${s}u + key`, 'i');
      e.line(`return dot * ${scale} + ${e.at(mask, e.broadcast(full, [n, heads, t, s], e.shapeOf(mask)))};`);
    }
  });
  e.shader.declare(`fn score(head: u32, query: u32, key: u32, dot: f32) -> f32 {\n${body}}`);
}

function declareFinish(e: Emitter, v: Value<'attention'>, { t, heads, dv }: Sizes, stored: Stored): void {
  const body = e.captured(() => {
    e.line(`if (query >= ${t}u || at >= ${dv}u) { return; }`);
    const o = e.let(`(((head / ${heads}u) * ${t}u + query) * ${heads}u + head % ${heads}u) * ${dv}u + at`, 'o');
    e.set(v, o, 'value');
    e.store(stored, o);
  });
  e.shader.declare(`fn finish(head: u32, query: u32, at: u32, value: f32) {\n${body}}`);
}

const four = (text: (i: number) => string): string[] => [0, 1, 2, 3].map(text);

/** Arrays in workgroup memory: tiles of queries and keys, the scores [key, query] that become weights, values. */
type Memory = Readonly<Record<'queries' | 'keys' | 'weights' | 'halves' | 'shrinks' | 'values', string>>;

/** A shader that can read the operands, score a pair and store a result. */
function attentionShader(p: Planner, v: Value<'attention'>, sizes: Sizes, stored: Stored) {
  const { t, s, d, dv } = sizes;
  const [query, key, value] = v.inputs as [Value, Value, Value];
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  declareOperand(e, 'queryAt', query, sizes, t, d);
  declareOperand(e, 'keyAt', key, sizes, s, d);
  declareOperand(e, 'valueAt', value, sizes, s, dv);
  declareScore(e, v, sizes);
  declareFinish(e, v, sizes, stored);
  return { shader, e };
}

function onePassText(p: Planner, v: Value<'attention'>, sizes: Sizes, stored: Stored): KernelText {
  const { n, heads, t, s, d, dv } = sizes;
  const { shader, e } = attentionShader(p, v, sizes, stored);
  const parts = Math.ceil(dv / WIDEST);
  /** Vectors of four columns of a part, and how many of them each invocation has. */
  const vectors = Math.ceil(Math.ceil(dv / parts) / 4);
  const own = Math.ceil(vectors / SIDE);
  const memory: Memory = {
    queries: shader.workgroupArray('vec4<f32>', (DEPTH * QUERIES) / 4),
    keys: shader.workgroupArray('vec4<f32>', (DEPTH * KEYS) / 4),
    weights: shader.workgroupArray('f32', KEYS * QUERIES),
    halves: shader.workgroupArray('f32', 2 * QUERIES),
    shrinks: shader.workgroupArray('f32', QUERIES),
    values: shader.workgroupArray('vec4<f32>', VALUE_DEPTH * own * SIDE),
  };
  const tiles = Math.ceil(t / QUERIES);
  const count = n * heads * tiles * parts;
  const { workgroups, index } = gridOf(count, p.traits);
  e.line(`let g = ${index};`);
  e.line(`if (g >= ${count}u) { return; }`);
  e.line(`let q0 = (g % ${tiles}u) * ${QUERIES}u; let c0 = ((g / ${tiles}u) % ${parts}u) * ${vectors}u;`);
  e.line(`let head = g / ${tiles * parts}u;`);
  e.line(`let x = li % ${SIDE}u; let y = li / ${SIDE}u;`);
  // Two invocations share a query when weights are made: `row` is its number, `side` which half of the keys.
  e.line('let row = li / 2u; let side = li % 2u;');
  e.line(`var top = ${LOWEST}; var sum = 0.0;`);
  for (let c = 0; c < own; c++) e.line(four((i) => `var o${i}_${c} = vec4<f32>();`).join(' '));
  const end = v.attrs.causal ? `min(${s}u, q0 + ${QUERIES}u)` : `${s}u`;
  e.block(`for (var k0 = 0u; k0 < ${end}; k0 += ${KEYS}u)`, () => {
    writeScores(e, d, memory);
    writeWeights(e, memory);
    writeMixture(e, own, vectors, memory);
  });
  writeResults(e, own, vectors, memory);
  return { code: shader.text(e.body, [THREADS, 1, 1]), bindings: shader.bindings, workgroups };
}

/** Products of four queries with four keys in each invocation, then in `weights`. */
function writeScores(e: Emitter, d: number, { queries, keys, weights }: Memory): void {
  e.line(four((i) => `var s${i} = vec4<f32>();`).join(' '));
  const vectors = QUERIES / 4;
  e.block(`for (var d0 = 0u; d0 < ${d}u; d0 += ${DEPTH}u)`, () => {
    e.block(`for (var f = li; f < ${DEPTH * vectors}u; f += ${THREADS}u)`, () => {
      e.line(`let dd = f % ${DEPTH}u; let v = f / ${DEPTH}u;`);
      e.line('var a = vec4<f32>(); var b = vec4<f32>();');
      e.block('for (var i = 0u; i < 4u; i++)', () => {
        e.line('a[i] = queryAt(head, q0 + 4u * v + i, d0 + dd);');
        e.line('b[i] = keyAt(head, k0 + 4u * v + i, d0 + dd);');
      });
      e.line(`${queries}[dd * ${vectors}u + v] = a; ${keys}[dd * ${vectors}u + v] = b;`);
    });
    e.line('workgroupBarrier();');
    e.block(`for (var dd = 0u; dd < ${DEPTH}u; dd++)`, () => {
      e.line(`let a = ${queries}[dd * ${vectors}u + y]; let b = ${keys}[dd * ${vectors}u + x];`);
      e.line(four((i) => `s${i} = fma(vec4<f32>(a[${i}]), b, s${i});`).join(' '));
    });
    e.line('workgroupBarrier();');
  });
  for (let j = 0; j < 4; j++) {
    e.line(four((i) => `${weights}[(4u * x + ${j}u) * ${QUERIES}u + 4u * y + ${i}u] = s${i}[${j}];`).join(' '));
  }
  e.line('workgroupBarrier();');
}

/** Scores to weights relative to the new maximum; `shrinks` is what that makes of what was summed before. */
function writeWeights(e: Emitter, { weights, halves, shrinks }: Memory): void {
  const half = KEYS / 2;
  e.line(`var most = ${LOWEST};`);
  e.block(`for (var j = side * ${half}u; j < (side + 1u) * ${half}u; j++)`, () => {
    e.line(`let seenScore = score(head, q0 + row, k0 + j, ${weights}[j * ${QUERIES}u + row]);`);
    e.line(`${weights}[j * ${QUERIES}u + row] = seenScore; most = max(most, seenScore);`);
  });
  e.line(`${halves}[li] = most;`);
  e.line('workgroupBarrier();');
  e.line(`let newTop = max(top, max(${halves}[2u * row], ${halves}[2u * row + 1u]));`);
  e.line('let shrink = exp(top - newTop); top = newTop; sum *= shrink;');
  e.line(`if (side == 0u) { ${shrinks}[row] = shrink; }`);
  e.block(`for (var j = side * ${half}u; j < (side + 1u) * ${half}u; j++)`, () => {
    e.line(`let weight = select(0.0, exp(${weights}[j * ${QUERIES}u + row] - newTop), seen(q0 + row, k0 + j));`);
    e.line(`${weights}[j * ${QUERIES}u + row] = weight; sum += weight;`);
  });
  e.line('workgroupBarrier();');
}

function writeMixture(e: Emitter, own: number, vectors: number, { weights, shrinks, values }: Memory): void {
  const width = own * SIDE;
  for (let i = 0; i < 4; i++) {
    e.line(`let shrink${i} = ${shrinks}[4u * y + ${i}u];`);
    e.line(Array.from({ length: own }, (_, c) => `o${i}_${c} *= shrink${i};`).join(' '));
  }
  e.block(`for (var v0 = 0u; v0 < ${KEYS}u; v0 += ${VALUE_DEPTH}u)`, () => {
    e.block(`for (var f = li; f < ${VALUE_DEPTH * width}u; f += ${THREADS}u)`, () => {
      e.line(`let kk = f / ${width}u; let c = f % ${width}u;`);
      e.line('var four = vec4<f32>();');
      e.block(`if (c < ${vectors}u)`, () => {
        e.block('for (var i = 0u; i < 4u; i++)', () => {
          e.line('four[i] = valueAt(head, k0 + v0 + kk, 4u * (c0 + c) + i);');
        });
      });
      e.line(`${values}[f] = four;`);
    });
    e.line('workgroupBarrier();');
    e.block(`for (var kk = 0u; kk < ${VALUE_DEPTH}u; kk++)`, () => {
      e.line(four((i) => `let a${i} = ${weights}[(v0 + kk) * ${QUERIES}u + 4u * y + ${i}u];`).join(' '));
      for (let c = 0; c < own; c++) {
        e.line(`let b${c} = ${values}[kk * ${width}u + x + ${c * SIDE}u];`);
        e.line(four((i) => `o${i}_${c} = fma(vec4<f32>(a${i}), b${c}, o${i}_${c});`).join(' '));
      }
    });
    e.line('workgroupBarrier();');
  });
}

/** Through workgroup memory, [query, column], so that neighbours store neighbours. */
function writeResults(e: Emitter, own: number, vectors: number, { weights, halves }: Memory): void {
  e.line(`${halves}[li] = sum;`);
  e.line('workgroupBarrier();');
  for (let c = 0; c < own; c++) {
    for (let i = 0; i < 4; i++) {
      e.line(four((j) => `${weights}[(4u * y + ${i}u) * ${4 * SIDE}u + 4u * x + ${j}u] = o${i}_${c}[${j}];`).join(' '));
    }
    e.line('workgroupBarrier();');
    e.block(`for (var f = li; f < ${QUERIES * 4 * SIDE}u; f += ${THREADS}u)`, () => {
      e.line(`let q = f / ${4 * SIDE}u; let at = ${4 * c * SIDE}u + f % ${4 * SIDE}u;`);
      const total = `(${halves}[2u * q] + ${halves}[2u * q + 1u])`;
      e.line(`if (at < ${4 * vectors}u) { finish(head, q0 + q, 4u * c0 + at, ${weights}[f] / ${total}); }`);
    });
    e.line('workgroupBarrier();');
  }
}

/** One invocation a result, which goes over the keys twice: slow, and nothing can go wrong. */
function plainText(p: Planner, v: Value<'attention'>, sizes: Sizes, stored: Stored): KernelText {
  const { n, heads, t, s, d, dv } = sizes;
  const { shader, e } = attentionShader(p, v, sizes, stored);
  shader.declare(`fn dotOf(head: u32, query: u32, key: u32) -> f32 {
  var dot = 0.0;
  for (var k = 0u; k < ${d}u; k++) { dot += queryAt(head, query, k) * keyAt(head, key, k); }
  return score(head, query, key, dot);
}`);
  const shape: Shape = [n * heads, t, dv];
  const [perHead, perQuery] = stridesOf(shape);
  const count = n * heads * t * dv;
  const { workgroups, index } = gridOf(Math.ceil(count / THREADS), p.traits);
  e.line(`let g = ${index} * ${THREADS}u + li;`);
  e.line(`if (g >= ${count}u) { return; }`);
  e.line(`let head = g / ${perHead}u; let query = (g / ${perQuery}u) % ${t}u; let at = g % ${dv}u;`);
  e.line(`var top = ${LOWEST}; var sum = 0.0; var mixed = 0.0;`);
  e.block(`for (var key = 0u; key < ${s}u; key++)`, () => e.line('top = max(top, dotOf(head, query, key));'));
  e.block(`for (var key = 0u; key < ${s}u; key++)`, () => {
    e.line('if (!seen(query, key)) { continue; }');
    e.line('let weight = exp(dotOf(head, query, key) - top);');
    e.line('sum += weight; mixed += weight * valueAt(head, key, at);');
  });
  e.line('finish(head, query, at, mixed / sum);');
  return { code: shader.text(e.body, [THREADS, 1, 1]), bindings: shader.bindings, workgroups };
}
