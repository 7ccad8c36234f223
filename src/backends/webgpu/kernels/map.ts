/** One pass over elements: every result is an expression of what is in memory. */

import { Emitter, type Placement, type Stored } from '../emitter.ts';
import { gridOf, type Kernel } from '../kernel.ts';
import { type DeviceTraits, Shader } from '../shader.ts';

const WIDE = 256;
const NARROW = 64;

export function mapKernel(
  traits: DeviceTraits,
  placement: Placement,
  results: readonly Stored[],
  elements: number,
): Kernel[] {
  if (elements === 0) return [];
  const width = elements > 4 * NARROW ? WIDE : NARROW;
  const shader = new Shader(traits);
  const e = new Emitter(shader, placement);
  const { workgroups, index } = gridOf(Math.ceil(elements / width), traits);
  e.line(`let i = ${index} * ${width}u + li;`);
  e.line(`if (i >= ${elements}u) { return; }`);
  for (const result of results) e.store(result, 'i');
  const code = shader.text(e.body, [width, 1, 1]);
  return [{ label: results.map((r) => r.target.op).join('+'), code, bindings: shader.bindings, workgroups }];
}
