/**
 * Units as infotext, in the words of sd-webui-controlnet: `ControlNet 0: "Module: canny, Model: ..., Weight: 1, ..."`.
 * Its older form, with lower-case names and pairs in brackets, is read as well. Pictures are not in it.
 */

import { infotextNumber } from '#prompt/infotext-values';
import type { ControlUnit } from './unit.ts';

/** What is told of a unit: its request, with the model's title and the numbers that acted. */
export type ToldUnit = Omit<ControlUnit, 'lowMemory'>;

export const modeTitles = {
  balanced: 'Balanced',
  prompt: 'My prompt is more important',
  control: 'ControlNet is more important',
} as const satisfies Record<ControlUnit['controlMode'], string>;

export const resizeTitles = {
  stretch: 'Just Resize',
  crop: 'Crop and Resize',
  fill: 'Resize and Fill',
} as const satisfies Record<ControlUnit['resizeMode'], string>;

/** Names that older versions had. */
const olderResizeTitles: Readonly<Record<string, ControlUnit['resizeMode']>> = {
  'inner fit (scale to fit)': 'crop',
  'outer fit (shrink to fit)': 'fill',
  'scale to fit (inner fit)': 'crop',
  'envelope (outer fit)': 'fill',
};

export function keyOfTitle<K extends string>(titles: Readonly<Record<K, string>>, title: string): K | undefined {
  const wanted = title.trim().toLowerCase();
  const entries = Object.entries(titles) as [K, string][];
  return entries.find(([key, name]) => name.toLowerCase() === wanted || key === wanted)?.[0];
}

export function resizeModeOf(title: string): ControlUnit['resizeMode'] | undefined {
  return keyOfTitle(resizeTitles, title) ?? olderResizeTitles[title.trim().toLowerCase()];
}

export function unitText(unit: ToldUnit): string {
  const number = (value: number | undefined) => (value === undefined ? undefined : infotextNumber(value));
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['Module', unit.module],
    ['Model', unit.model ?? 'None'],
    ['Weight', number(unit.weight)],
    ['Resize Mode', resizeTitles[unit.resizeMode]],
    ['Processor Res', number(unit.resolution)],
    ['Threshold A', number(unit.thresholdA)],
    ['Threshold B', number(unit.thresholdB)],
    ['Guidance Start', number(unit.start)],
    ['Guidance End', number(unit.end)],
    ['Pixel Perfect', unit.pixelPerfect ? 'True' : 'False'],
    ['Control Mode', modeTitles[unit.controlMode]],
  ];
  // Commas and colons part the values there.
  const safe = (text: string): string => text.replaceAll(/[,:]/g, ' ');
  return pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${safe(value)}`])).join(', ');
}

/** A unit from its text; undefined for what is none. Values as they are there, not yet held to the schema. */
export function unitOfText(text: string): Record<string, unknown> | undefined {
  const values = new Map<string, string>();
  for (const [, key = '', value = ''] of text.matchAll(/([A-Za-z /_]+): (\([^)]*\)|[^,]*)(?:, |$)/g)) {
    values.set(key.trim().toLowerCase().replaceAll('_', ' '), value.trim());
  }
  const first = (...names: string[]) => names.map((name) => values.get(name)).find((value) => value !== undefined);
  const module = first('module', 'preprocessor');
  if (module === undefined) return undefined;
  const [start, end] = numbersOf(first('starting/ending', 'starting/ending step'));
  const [resolution, a, b] = numbersOf(first('preprocessor params'));
  const model = first('model');
  const given = {
    module,
    model: model === undefined || model === 'None' ? undefined : model,
    weight: numberOf(first('weight')),
    resizeMode: optional(first('resize mode'), resizeModeOf),
    resolution: natural(numberOf(first('processor res')) ?? resolution),
    thresholdA: natural(numberOf(first('threshold a')) ?? a),
    thresholdB: natural(numberOf(first('threshold b')) ?? b),
    start: numberOf(first('guidance start')) ?? start,
    end: numberOf(first('guidance end')) ?? end,
    pixelPerfect: optional(first('pixel perfect'), (value) => value.toLowerCase() === 'true'),
    controlMode: optional(first('control mode'), (value) => keyOfTitle(modeTitles, value)),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function optional<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}

/** -1 stands for the module's own. */
function natural(value: number | undefined): number | undefined {
  return value === undefined || value < 0 ? undefined : value;
}

function numbersOf(text: string | undefined): (number | undefined)[] {
  return (text ?? '')
    .replaceAll(/[()]/g, '')
    .split(',')
    .map((each) => numberOf(each.trim()));
}
