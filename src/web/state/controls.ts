/**
 * What the page's controls may hold, read from the server's data (`/api/v1/families`, `/models/{id}/limits`), so that
 * the page has no table of models, samplers or bounds.
 */

import type { WireControls, WireLimits } from '#server/native/wire';

export interface NumberControl {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  readonly help: string;
}

export type NumberField = 'steps' | 'cfgScale' | 'seed' | 'width' | 'height' | 'batchCount';

interface SchemaProperty {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
}

/** Bounds, default and help of a number in the request's JSON Schema; without bounds, any number. */
export function numberControl(controls: WireControls, field: NumberField): NumberControl {
  const { minimum, maximum, default: given, description } = property(controls, field);
  const min = minimum ?? Number.MIN_SAFE_INTEGER;
  const max = maximum ?? Number.MAX_SAFE_INTEGER;
  const fallback = typeof given === 'number' ? given : clamp(0, min, max);
  return { min, max, fallback, help: description ?? '' };
}

export function textDefault(controls: WireControls, field: 'sampler' | 'scheduler'): string {
  const given = property(controls, field).default;
  return typeof given === 'string' ? given : '';
}

function property(controls: WireControls, field: string): SchemaProperty {
  const { properties } = controls.request as { properties?: Record<string, SchemaProperty> };
  return properties?.[field] ?? {};
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** Upper end of a slider: three times the default, since bounds are for mistakes and a slider is for wishes. */
export function sliderEnd({ max, fallback }: NumberControl): number {
  return Math.min(max, fallback * 3);
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface SizePreset extends Size {
  readonly name: string;
}

const shapes: readonly (readonly [name: string, ratio: number])[] = [
  ['Square', 1],
  ['Portrait', 3 / 4],
  ['Tall', 9 / 16],
  ['Landscape', 4 / 3],
  ['Wide', 16 / 9],
];

/** The model's own picture area in other shapes, sides on its grid; shapes that come out the same are left out. */
export function sizePresets(limits: WireLimits, side: NumberControl): SizePreset[] {
  const { defaultSize, gridMultiple } = limits;
  const area = defaultSize.width * defaultSize.height;
  const snap = (length: number) => {
    const least = Math.ceil(side.min / gridMultiple) * gridMultiple;
    const most = Math.floor(side.max / gridMultiple) * gridMultiple;
    return clamp(Math.round(length / gridMultiple) * gridMultiple, least, most);
  };
  const presets = shapes.map(([name, ratio]) => ({
    name,
    width: snap(Math.sqrt(area * ratio)),
    height: snap(Math.sqrt(area / ratio)),
  }));
  return presets.filter((each, at) => presets.findIndex((other) => sameSize(each, other)) === at);
}

export function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

/** The nearest side that the model takes. */
export function snapSide(length: number, limits: WireLimits, side: NumberControl): number {
  const { sizeMultiple } = limits;
  return clamp(Math.round(length / sizeMultiple) * sizeMultiple, side.min, side.max);
}
