/**
 * What a plot can vary: every setting that has one value, by its name or label, and a few ways of changing several at
 * once. An axis reads its values from a text, and says of each what a request is to change and how it is labelled.
 *
 * Source of the further axes: AUTOMATIC1111 web UI v1.10.1, scripts/xyz_grid.py.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { type SettingName, settingRows, valueType } from '../settings/index.ts';
import type { Setting } from '../settings/setting.ts';
import type { PlainRequest } from './series.ts';
import { listedValues, numbersOf } from './values.ts';

export interface AxisValue {
  readonly label: string;
  /** On top of what the axes before it have changed. */
  changes(request: PlainRequest): Partial<Record<SettingName, unknown>>;
}

export interface Axis {
  /** Name in requests. */
  readonly name: string;
  /** As told to people. */
  readonly label: string;
  /** How dear it is to go from one value to another; the dearest axis varies last. */
  readonly cost: number;
  /** @throws UserError for values that are none */
  values(text: string, draw: () => number): AxisValue[];
}

const costs: Readonly<Record<string, number>> = { checkpoints: 1, vaes: 0.7 };

/** Settings that others stand for: prompts by search and replace, sides by size; and what is no single value. */
const without: readonly SettingName[] = [
  'prompt',
  'negativePrompt',
  'batchSize',
  'batchCount',
  'keepSteps',
  'controls',
];

function settingAxis(name: SettingName, row: Setting): Axis {
  const { form } = row;
  return {
    name,
    label: form.label,
    cost: costs[form.choices ?? ''] ?? 0,
    values: (text, draw) =>
      readValues(name, text).map((value) => {
        const drawn = form.control === 'seed' && value === -1 ? draw() : value;
        return { label: labelOf(row, drawn), changes: () => ({ [name]: drawn }) };
      }),
  };
}

/** Texts as they are; numbers and switches with what they are of. */
function labelOf({ form }: Setting, value: unknown): string {
  if (form.choices === 'checkpoints') return String(value).split(/[\\/]/).at(-1)!;
  return typeof value === 'string' ? value : `${form.label}: ${String(value)}`;
}

function readValues(name: SettingName, text: string): unknown[] {
  const type = valueType(name);
  const facts = z.toJSONSchema(type, { io: 'input' }) as { type?: string; enum?: string[] };
  const isNumber = facts.type === 'number' || facts.type === 'integer';
  const texts = listedValues(text);
  const values: unknown[] = isNumber
    ? numbersOf(texts, facts.type === 'integer')
    : texts.map((each) => typed(each, facts));
  for (const value of values) {
    const read = type.safeParse(value);
    if (read.success) continue;
    throw new UserError('series.values', `${name}: ${read.error.issues[0]!.message}, got ${JSON.stringify(value)}.`);
  }
  return values;
}

function typed(text: string, { type, enum: choices }: { type?: string; enum?: string[] }): unknown {
  if (type === 'boolean')
    return /^(true|yes|on|1)$/i.test(text) ? true : /^(false|no|off|0)$/i.test(text) ? false : text;
  if (type === 'array') return text === '' ? [] : text.split(',').map((each) => each.trim());
  return choices?.find((choice) => choice.toLowerCase() === text.toLowerCase()) ?? text;
}

/** The first text is looked for, each stands in its place. */
const promptReplace: Axis = {
  name: 'promptReplace',
  label: 'Prompt S/R',
  cost: 0,
  values(text) {
    const texts = listedValues(text);
    const [first = ''] = texts;
    return texts.map((each) => ({
      label: each,
      changes({ prompt, negativePrompt }) {
        if (first === '' || !(prompt.includes(first) || negativePrompt.includes(first))) {
          throw new UserError(
            'series.replace',
            `Prompt S/R: ${JSON.stringify(first)} is not in the prompt or the negative prompt.`,
          );
        }
        const replaced = (of: string): string => of.replaceAll(first, () => each);
        return { prompt: replaced(prompt), negativePrompt: replaced(negativePrompt) };
      },
    }));
  },
};

/** Every order of these parts of the prompt, at the places where they stand. */
const promptOrder: Axis = {
  name: 'promptOrder',
  label: 'Prompt order',
  cost: 0,
  values(text) {
    const parts = listedValues(text);
    if (parts.length > 6)
      throw new UserError('series.values', `Prompt order takes up to 6 parts, not ${parts.length}.`);
    return permutations(parts).map((order) => ({
      label: order.join(', '),
      changes: ({ prompt }) => ({ prompt: reordered(prompt, parts, order) }),
    }));
  },
};

function reordered(prompt: string, parts: readonly string[], order: readonly string[]): string {
  const missing = parts.find((part) => part === '' || !prompt.includes(part));
  if (missing !== undefined) {
    throw new UserError('series.order', `Prompt order: ${JSON.stringify(missing)} is not in the prompt.`);
  }
  const places = [...parts].sort((a, b) => prompt.indexOf(a) - prompt.indexOf(b));
  let [rest, out] = [prompt, ''];
  for (const [i, part] of places.entries()) {
    const at = rest.indexOf(part);
    if (at < 0)
      throw new UserError('series.order', `Prompt order: the parts ${parts.join(', ')} overlap in the prompt.`);
    out += rest.slice(0, at) + order[i]!;
    rest = rest.slice(at + part.length);
  }
  return out + rest;
}

function permutations(list: readonly string[]): string[][] {
  if (list.length <= 1) return [[...list]];
  return list.flatMap((first, i) => permutations(list.filter((_, k) => k !== i)).map((rest) => [first, ...rest]));
}

/** `512x768`, both sides at once. */
const size: Axis = {
  name: 'size',
  label: 'Size',
  cost: 0,
  values: (text) =>
    listedValues(text).map((each) => {
      const [, width, height] = /^(\d+)\s*[x×]\s*(\d+)$/i.exec(each) ?? [];
      if (width === undefined)
        throw new UserError('series.values', `Size takes values like 512x768, not ${JSON.stringify(each)}.`);
      const sides = { width: Number(width), height: Number(height) };
      return { label: `Size: ${width}x${height}`, changes: () => sides };
    }),
};

/** A restorer's name, or whether the one that is set draws faces anew. */
const faceRestore: Axis = {
  name: 'faceRestore',
  label: 'Face restore',
  cost: 0,
  values: (text) =>
    listedValues(text).map((each) => {
      const isPlain = /^(true|yes|y|on|1|false|no|n|off|0|none|)$/i.test(each);
      const restoreFaces = /^(true|yes|y|on|1)$/i.test(each);
      return {
        label: isPlain ? `Face restore: ${restoreFaces}` : each,
        changes: () => (isPlain ? { restoreFaces } : { restoreFaces: true, faceRestorer: each }),
      };
    }),
};

export const axes: readonly Axis[] = [
  promptReplace,
  promptOrder,
  size,
  faceRestore,
  ...settingRows.filter(([name]) => !without.includes(name)).map(([name, row]) => settingAxis(name, row)),
];

const folded = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '');

/** By name, label, flag, or as infotexts and A1111's fields call it. @throws UserError `series.axis` */
export function findAxis(wanted: string): Axis {
  const key = folded(wanted);
  const found = axes.find((axis) => aliasesOf(axis).some((alias) => folded(alias) === key));
  if (found && key !== '') return found;
  const near = axes.filter((axis) => key !== '' && folded(`${axis.name} ${axis.label}`).includes(key));
  const advice = (near.length > 0 ? near : axes).slice(0, 8).map(({ name }) => name);
  throw new UserError(
    'series.axis',
    `There is no axis ${JSON.stringify(wanted)}; ${near.length > 0 ? 'did you mean' : 'there are'} ${advice.join(', ')}${near.length > 0 ? '?' : ' and more.'}`,
  );
}

function aliasesOf({ name, label }: Axis): string[] {
  const row = settingRows.find(([each]) => each === name)?.[1];
  const names = [name, label, row?.flag, row?.a1111?.field, row?.a1111?.option, ...(row?.infotext?.keys ?? [])];
  return names.filter((each) => each !== undefined);
}
