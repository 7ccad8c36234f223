/**
 * Products on subgroup matrices (tensor cores): halves in, f32 accumulated. A workgroup of eight subgroups makes
 * 128 x 128 results, 32 x 64 a subgroup; rows in workgroup memory are padded by eight halves, so that the lanes of a
 * load meet different banks. This layout measured 152 TFLOP/s where the same without padding measured 90 (NVIDIA H100,
 * 4096^3).
 *
 * Shapes of the small matrices are the adapter's own; a device without them, or with subgroups of varying width, never
 * gets here.
 */

import type { Stored } from '../emitter.ts';
import { gridOf, type KernelText } from '../kernel.ts';
import type { Planner } from '../planner.ts';
import { type DeviceTraits, type MatrixShape, Shader } from '../shader.ts';
import { declareSide, finishing, type Product, type Side } from './product-parts.ts';

const TILE = 128;
const ROWS = 32;
const COLUMNS = 64;
const DEPTH = 32;
const PADDING = 8;
const SUBGROUPS = 8;

/** Workgroup memory: both tiles and a small matrix of results for each subgroup. */
function memoryBytes({ m, n }: MatrixShape): number {
  return 2 * TILE * (DEPTH + PADDING) * 2 + SUBGROUPS * m * n * 4;
}

export function suitsMatrix(
  { matrix, f16, workgroupBytes, distrusted }: DeviceTraits,
  { m, n, k }: Pick<Product, 'm' | 'n' | 'k'>,
): boolean {
  if (!matrix || !f16 || distrusted.has('matrix') || matrix.subgroup * SUBGROUPS > 256) return false;
  const fits = ROWS % matrix.m === 0 && COLUMNS % matrix.n === 0 && DEPTH % matrix.k === 0;
  return fits && memoryBytes(matrix) <= workgroupBytes && m >= TILE / 2 && n >= TILE / 2 && k >= DEPTH;
}

export function matrixText(p: Planner, product: Product, stored: Stored): KernelText {
  const { m, n, k, batch } = product;
  const shape = p.traits.matrix!;
  const threads = shape.subgroup * SUBGROUPS;
  const shader = new Shader(p.traits);
  for (const extension of ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix']) shader.enable(extension);
  const e = p.emitter(shader);
  declareSide(e, 'left', product.left, m, `${k}u`, m % TILE !== 0 || k % DEPTH !== 0);
  declareSide(e, 'right', product.right, n, `${k}u`, n % TILE !== 0 || k % DEPTH !== 0);
  declareFinishOne(e, product, stored);
  const width = DEPTH + PADDING;
  const ta = shader.workgroupArray('f16', TILE * width);
  const tb = shader.workgroupArray('f16', TILE * width);
  const out = shader.workgroupArray('f32', SUBGROUPS * shape.m * shape.n);
  const [columns, rows] = [Math.ceil(n / TILE), Math.ceil(m / TILE)];
  const { workgroups, index } = gridOf(columns * rows * batch, p.traits);
  e.line(`let g = ${index};`);
  e.line(`if (g >= ${columns * rows * batch}u) { return; }`);
  e.line(`let first = (g % ${columns}u) * ${TILE}u; let top = ((g / ${columns}u) % ${rows}u) * ${TILE}u;`);
  e.line(`let z = g / ${columns * rows}u;`);
  e.line(`let s = li / ${shape.subgroup}u; let lane = li % ${shape.subgroup}u;`);
  e.line(`let row0 = (s / 2u) * ${ROWS}u; let column0 = (s % 2u) * ${COLUMNS}u;`);
  const pieces = piecesOf(shape);
  const [left, right, result] = matrixTypes(shape);
  for (const { i, j } of pieces) e.line(`var s${i}_${j}: ${result};`);
  e.block(`for (var k0 = 0u; k0 < ${k}u; k0 += ${DEPTH}u)`, () => {
    e.line(fillText('left', ta, product.left.fast, 'top', threads));
    e.line(fillText('right', tb, product.right.fast, 'first', threads));
    e.line('workgroupBarrier();');
    e.block(`for (var k = 0u; k < ${DEPTH}u; k += ${shape.k}u)`, () => {
      for (let i = 0; i < ROWS / shape.m; i++) {
        e.line(
          `let a${i} = subgroupMatrixLoad<${left}>(&${ta}, (row0 + ${i * shape.m}u) * ${width}u + k, false, ${width}u);`,
        );
      }
      for (let j = 0; j < COLUMNS / shape.n; j++) {
        // The right side lies as [n, k]: column-major for a matrix [k, n].
        e.line(
          `let b${j} = subgroupMatrixLoad<${right}>(&${tb}, (column0 + ${j * shape.n}u) * ${width}u + k, true, ${width}u);`,
        );
      }
      for (const { i, j } of pieces) e.line(`s${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, s${i}_${j});`);
    });
    e.line('workgroupBarrier();');
  });
  const area = shape.m * shape.n;
  for (const { i, j } of pieces) {
    e.line(`subgroupMatrixStore(&${out}, s * ${area}u, s${i}_${j}, false, ${shape.n}u);`);
    e.line('workgroupBarrier();');
    e.block(`for (var t = lane; t < ${area}u; t += ${shape.subgroup}u)`, () => {
      const [row, column] = [
        `top + row0 + ${i * shape.m}u + t / ${shape.n}u`,
        `first + column0 + ${j * shape.n}u + t % ${shape.n}u`,
      ];
      e.line(`finish(z, ${row}, ${column}, ${out}[s * ${area}u + t]);`);
    });
    e.line('workgroupBarrier();');
  }
  const code = `diagnostic(off, chromium.subgroup_matrix_uniformity);\n${shader.text(e.body, [threads, 1, 1])}`;
  return { code, bindings: shader.bindings, workgroups };
}

function declareFinishOne(e: Parameters<typeof declareSide>[0], product: Product, stored: Stored): void {
  const body = e.captured(() => {
    e.line(`if (row >= ${product.m}u || column >= ${product.n}u) { return; }`);
    finishing(product, stored)(e, '0u');
  });
  e.shader.declare(`fn finish(z: u32, row: u32, column: u32, value: f32) {\n${body}}`);
}

function piecesOf(shape: MatrixShape): { i: number; j: number }[] {
  const [down, across] = [ROWS / shape.m, COLUMNS / shape.n];
  return Array.from({ length: down * across }, (_, q) => ({ i: Math.floor(q / across), j: q % across }));
}

function matrixTypes({ m, n, k }: MatrixShape): readonly [string, string, string] {
  return [
    `subgroup_matrix_left<f16, ${k}, ${m}>`,
    `subgroup_matrix_right<f16, ${n}, ${k}>`,
    `subgroup_matrix_result<f32, ${n}, ${m}>`,
  ];
}

/** Brings TILE x DEPTH elements into workgroup memory as [outer, k]. */
function fillText(side: string, memory: string, fast: Side['fast'], origin: string, threads: number): string {
  const split =
    fast === 'k' ? `let kk = t % ${DEPTH}u; let v = t / ${DEPTH}u;` : `let kk = t / ${TILE}u; let v = t % ${TILE}u;`;
  return `for (var t = li; t < ${TILE * DEPTH}u; t += ${threads}u) { ${split} ${memory}[v * ${DEPTH + PADDING}u + kk] = f16(${side}(z, ${origin} + v, k0 + kk)); }`;
}
