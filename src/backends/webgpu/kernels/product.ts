/**
 * Sums of products: result[z, m, n] = sum over k of left[z, m, k] * right[z, n, k]. Matrix products, linear layers and
 * convolutions differ only in where an element lies, so each gives functions from coordinates to elements, and nothing
 * is rearranged in memory first.
 *
 * Forms, by size: tiles in workgroup memory with a block of results in the registers of each invocation; one workgroup
 * a column for few rows (`dot`); the tensor cores of subgroup matrices in half precision (matrix.ts). A long sum with
 * few results is cut into parts, which are added afterwards. `plain` is one invocation a result.
 */

import type { Emitter, Stored } from '../emitter.ts';
import { gridOf, type Kernel, type KernelText } from '../kernel.ts';
import { literal } from '../literal.ts';
import type { Place } from '../place.ts';
import type { Planner } from '../planner.ts';
import { Shader } from '../shader.ts';
import { matrixText, suitsMatrix } from './matrix.ts';
import { declareSide, type Finish, finishing, type Product, type Side } from './product-parts.ts';
import { foldWorkgroup } from './workgroup.ts';

/** A workgroup's tile: rows, columns, and the vectors of four rows and columns that one invocation holds. */
interface Tile {
  readonly m: number;
  readonly n: number;
  readonly rows: number;
  readonly columns: number;
}

const DEPTH = 16;
const tiles = {
  large: { m: 128, n: 128, rows: 2, columns: 2 },
  medium: { m: 64, n: 64, rows: 1, columns: 1 },
  small: { m: 32, n: 32, rows: 1, columns: 1 },
  flat: { m: 8, n: 128, rows: 1, columns: 1 },
  tall: { m: 128, n: 8, rows: 1, columns: 1 },
} as const satisfies Readonly<Record<string, Tile>>;

/** About as many workgroups as a large card runs at once. */
const ENOUGH = 96;
const FEW_ROWS = 4;
const LONG_SUM = 512;
/** Multiplications that are not worth a tile. */
const TINY = 2 ** 13;

const tilesOf = ({ m, n, batch }: Product, tile: Tile): number => Math.ceil(m / tile.m) * Math.ceil(n / tile.n) * batch;

function chooseTile(product: Product): Tile {
  const { m, n } = product;
  if (m <= 8 && n > 32) return tiles.flat;
  if (n <= 8 && m > 32) return tiles.tall;
  if (m > 64 && n > 64 && tilesOf(product, tiles.large) >= ENOUGH) return tiles.large;
  return m > 32 && n > 32 && tilesOf(product, tiles.medium) >= ENOUGH / 2 ? tiles.medium : tiles.small;
}

export function scheduleProduct(p: Planner, product: Product): void {
  const { batch, m, n } = product;
  const stored = p.finish(product.value);
  if (batch * m * n === 0) {
    p.done(stored);
    return;
  }
  const tile = chooseTile(product);
  const label = product.value.op;
  if (p.traits.distrusted.has('product') || batch * m * n * product.k <= TINY)
    p.done(stored, { label, ...plainText(p, product, stored) });
  else if (m <= FEW_ROWS && product.right.fast === 'k' && product.k >= 32) {
    p.done(stored, withPlain(p, product, stored, label, dotText(p, product, stored)));
  } else if (p.half && suitsMatrix(p.traits, product)) {
    p.done(stored, withPlain(p, product, stored, `${label} on matrices`, matrixText(p, product, stored)));
  } else {
    const parts = partsOf(product, tile);
    if (parts > 1) p.done(stored, ...inParts(p, product, stored, tile, parts));
    else p.done(stored, withPlain(p, product, stored, label, tiledText(p, product, tile, finishing(product, stored))));
  }
}

function withPlain(p: Planner, product: Product, stored: Stored, label: string, text: KernelText): Kernel {
  return { label, ...text, plain: () => plainText(p, product, stored) };
}

function partsOf(product: Product, tile: Tile): number {
  const count = tilesOf(product, tile);
  if (count >= ENOUGH / 2 || product.k < LONG_SUM) return 1;
  return Math.min(Math.ceil((2 * ENOUGH) / count), Math.floor(product.k / (LONG_SUM / 2)), 64);
}

/** Declares `finish(z, part, row, column, values)`, which stores what lies inside of four results in a row. */
function declareFinish(e: Emitter, { m, n }: Product, finish: Finish): void {
  const body = e.captured(() => {
    e.line(`if (row >= ${m}u) { return; }`);
    e.block('for (var q = 0u; q < 4u; q++)', () => {
      e.line('let column = first + q;');
      e.line(`if (column >= ${n}u) { return; }`);
      e.line('let value = values[q];');
      finish(e, 'part');
    });
  });
  e.shader.declare(`fn finish(z: u32, part: u32, row: u32, first: u32, values: vec4<f32>) {\n${body}}`);
}

function tiledText(p: Planner, product: Product, tile: Tile, finish: Finish, parts = 1): KernelText {
  const { m, n, k, batch } = product;
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const exact = (size: number, by: number): boolean => size % by === 0;
  const each = Math.ceil(Math.ceil(k / parts) / DEPTH) * DEPTH;
  declareSide(e, 'left', product.left, m, `${k}u`, !(exact(m, tile.m) && exact(k, DEPTH)));
  declareSide(e, 'right', product.right, n, `${k}u`, !(exact(n, tile.n) && exact(k, DEPTH)));
  declareFinish(e, product, finish);
  const [across, down] = [tile.n / (4 * tile.columns), tile.m / (4 * tile.rows)];
  const threads = across * down;
  const [ta, tb] = [
    shader.workgroupArray('vec4<f32>', (DEPTH * tile.m) / 4),
    shader.workgroupArray('vec4<f32>', (DEPTH * tile.n) / 4),
  ];
  const [columns, rows] = [Math.ceil(n / tile.n), Math.ceil(m / tile.m)];
  const { workgroups, index } = gridOf(columns * rows * batch * parts, p.traits);
  e.line(`let g = ${index};`);
  e.line(`if (g >= ${columns * rows * batch * parts}u) { return; }`);
  e.line(`let first = (g % ${columns}u) * ${tile.n}u; let top = ((g / ${columns}u) % ${rows}u) * ${tile.m}u;`);
  e.line(`let z = (g / ${columns * rows}u) % ${batch}u; let part = g / ${columns * rows * batch}u;`);
  e.line(`let x = li % ${across}u; let y = li / ${across}u;`);
  const block = blockOf(tile);
  for (const { name } of block) e.line(`var ${name} = vec4<f32>();`);
  e.block(`for (var k0 = part * ${each}u; k0 < min((part + 1u) * ${each}u, ${k}u); k0 += ${DEPTH}u)`, () => {
    fillTile(e, 'left', ta, tile.m, product.left.fast, 'top', threads);
    fillTile(e, 'right', tb, tile.n, product.right.fast, 'first', threads);
    e.line('workgroupBarrier();');
    e.block(`for (var k = 0u; k < ${DEPTH}u; k++)`, () => {
      for (let r = 0; r < tile.rows; r++) e.line(`let a${r} = ${ta}[k * ${tile.m / 4}u + y + ${r * down}u];`);
      for (let c = 0; c < tile.columns; c++) e.line(`let b${c} = ${tb}[k * ${tile.n / 4}u + x + ${c * across}u];`);
      for (const { name, r, i, c } of block) e.line(`${name} = fma(vec4<f32>(a${r}[${i}]), b${c}, ${name});`);
    });
    e.line('workgroupBarrier();');
  });
  for (const { name, r, i, c } of block) {
    e.line(`finish(z, part, top + 4u * (y + ${r * down}u) + ${i}u, first + 4u * (x + ${c * across}u), ${name});`);
  }
  return { code: shader.text(e.body, [threads, 1, 1]), bindings: shader.bindings, workgroups };
}

/** The registers of one invocation: vectors of four columns. */
function blockOf(tile: Tile): { name: string; r: number; i: number; c: number }[] {
  const block: { name: string; r: number; i: number; c: number }[] = [];
  for (let r = 0; r < tile.rows; r++) {
    for (let i = 0; i < 4; i++) for (let c = 0; c < tile.columns; c++) block.push({ name: `s${r}${i}${c}`, r, i, c });
  }
  return block;
}

/** Brings DEPTH x `outer` elements into workgroup memory, four of one k at a time. */
function fillTile(
  e: Emitter,
  side: string,
  memory: string,
  outer: number,
  fast: Side['fast'],
  origin: string,
  threads: number,
): void {
  const vectors = outer / 4;
  e.block(`for (var t = li; t < ${DEPTH * vectors}u; t += ${threads}u)`, () => {
    e.line(
      fast === 'k'
        ? `let kk = t % ${DEPTH}u; let v = t / ${DEPTH}u;`
        : `let kk = t / ${vectors}u; let v = t % ${vectors}u;`,
    );
    e.line(`let at = ${origin} + 4u * v; let k = k0 + kk;`);
    e.line(`var four = vec4<f32>();`);
    e.block('for (var q = 0u; q < 4u; q++)', () => e.line(`four[q] = ${side}(z, at + q, k);`));
    e.line(`${memory}[kk * ${vectors}u + v] = four;`);
  });
}

/** Parts of the sum in memory, then their sums. */
function inParts(p: Planner, product: Product, stored: Stored, tile: Tile, parts: number): Kernel[] {
  const elements = p.elementsOf(product.value);
  const partial: Place = p.scratch(parts * elements);
  const label = product.value.op;
  const keep: Finish = (e, part) => {
    const index = e.let(product.index(e, 'z', 'row', 'column'), 'o');
    e.line(`${e.shader.write(partial)}(${part} * ${elements}u + ${index}, value);`);
  };
  const first: Kernel = { label: `${label} in parts`, ...tiledText(p, product, tile, keep, parts) };
  return [first, { label: `${label} joined`, ...joinText(p, product, stored, partial, parts) }];
}

function joinText(p: Planner, product: Product, stored: Stored, partial: Place, parts: number): KernelText {
  const elements = p.elementsOf(product.value);
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  return overResults(p, product, e, () => {
    const index = e.let(product.index(e, 'z', 'row', 'column'), 'o');
    e.line('var value = 0.0;');
    e.loop(parts, (s) => e.line(`value += ${shader.read(partial)}(${s} * ${elements}u + ${index});`));
    finishing(product, stored)(e, '0u');
  });
}

/** One invocation for each result; `z`, `row` and `column` are named. */
function overResults(p: Planner, { batch, m, n }: Product, e: Emitter, write: () => void): KernelText {
  const total = batch * m * n;
  const { workgroups, index } = gridOf(Math.ceil(total / 64), p.traits);
  e.line(`let g = ${index} * 64u + li;`);
  e.line(`if (g >= ${total}u) { return; }`);
  e.line(`let column = g % ${n}u; let row = (g / ${n}u) % ${m}u; let z = g / ${m * n}u;`);
  write();
  return { code: e.shader.text(e.body, [64, 1, 1]), bindings: e.shader.bindings, workgroups };
}

function plainText(p: Planner, product: Product, stored: Stored): KernelText {
  const e = p.emitter(new Shader(p.traits));
  return overResults(p, product, e, () => {
    e.line('var value = 0.0;');
    e.loop(product.k, (k) => {
      const a = product.left.element(e, 'z', 'row', k);
      e.line(`value += ${a} * ${product.right.element(e, 'z', 'column', k)};`);
    });
    finishing(product, stored)(e, '0u');
  });
}

/** A workgroup for each column, whose invocations share the sum; all rows at once, so that the right side is read once. */
function dotText(p: Planner, product: Product, stored: Stored): KernelText {
  const { batch, m, n, k } = product;
  const width = 64;
  const shader = new Shader(p.traits);
  const e = p.emitter(shader);
  const { workgroups, index } = gridOf(batch * n, p.traits);
  e.line(`let g = ${index};`);
  e.line(`if (g >= ${batch * n}u) { return; }`);
  e.line(`let column = g % ${n}u; let z = g / ${n}u;`);
  const sums = Array.from({ length: m }, () => e.variable('f32', '0.0'));
  e.block(`for (var k = li; k < ${k}u; k += ${width}u)`, () => {
    const b = product.right.element(e, 'z', 'column', 'k');
    for (const [row, sum] of sums.entries()) {
      e.line(`${sum} += ${product.left.element(e, 'z', literal(row, 'u32'), 'k')} * ${b};`);
    }
  });
  sums.forEach((value, row) => {
    const total = foldWorkgroup(e, { type: 'f32', value, width, combine: (a, b) => `${a} + ${b}` });
    e.block('if (li == 0u)', () => {
      e.line(`let row = ${row}u; let value = ${total};`);
      finishing(product, stored)(e, '0u');
    });
  });
  return { code: shader.text(e.body, [width, 1, 1]), bindings: shader.bindings, workgroups };
}
