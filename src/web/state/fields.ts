/**
 * The form's fields, read from the JSON schema of a request that the server hands out: a setting's row there says its
 * label, group, bounds and kind of control, and the page holds no list of settings. A row that says nothing of this kind
 * still gets a control that fits its type.
 */

import type { FieldTexts } from '../words/en.ts';
import { words } from '../words/index.ts';

export type ControlKind =
  | 'prompt'
  | 'text'
  | 'slider'
  | 'number'
  | 'choice'
  | 'many'
  | 'switch'
  | 'seed'
  | 'size'
  | 'image'
  | 'regions'
  | 'units'
  | 'none';

export interface SettingField {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly group: string;
  /** Shown in the simple form too. */
  readonly simple: boolean;
  /** Nothing stands in for it where it is left out. */
  readonly required: boolean;
  readonly control: ControlKind;
  readonly fallback: unknown;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** Where a slider begins and ends; bounds are for mistakes, these for wishes. */
  readonly usual: readonly [number, number];
  /** Fixed choices, or the name of a list of the server's. */
  readonly choices: readonly string[] | string | undefined;
  /** Of a list: what it holds. */
  readonly listOf: 'text' | 'number';
  /** Of a list of units: what each of them has. */
  readonly parts: readonly SettingField[];
  /** Other fields of which one has to be set for this one to matter. */
  readonly when: readonly string[];
}

/** What a row of the schema may say; everything is optional. */
interface SchemaProperty {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly label?: string;
  readonly group?: string;
  readonly level?: string;
  readonly control?: ControlKind;
  readonly step?: number;
  readonly usual?: readonly [number, number];
  readonly choices?: string;
  readonly items?: unknown;
  readonly when?: string | readonly string[];
}

/** @param texts in the language of the page; else the schema's own */
export function fieldsOf(schema: unknown, texts: FieldTexts = words().texts.settings): SettingField[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, SchemaProperty>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, property]) =>
    fieldOf(name, { ...property, ...told(property, texts[name]) }, required.includes(name)),
  );
}

function told(own: SchemaProperty, { label, help }: FieldTexts[string] = {}): SchemaProperty {
  return { label: label ?? own.label, description: help ?? own.description };
}

function fieldOf(name: string, property: SchemaProperty, required: boolean): SettingField {
  const whole = property.type === 'integer';
  const min = property.minimum ?? Number.MIN_SAFE_INTEGER;
  const max = property.maximum ?? Number.MAX_SAFE_INTEGER;
  const fallback = property.default;
  const step = property.step ?? (whole ? 1 : 0.05);
  return {
    name,
    label: property.label ?? wordsOf(name),
    help: property.description ?? '',
    group: property.group ?? 'advanced',
    simple: required || property.level === 'simple',
    required,
    control: controlOf(property),
    fallback,
    min,
    max,
    step,
    usual: property.usual ?? [Math.max(min, 0), usualEnd(max, fallback)],
    choices: property.enum ?? property.choices ?? (property.items as SchemaProperty | undefined)?.enum,
    listOf: ['number', 'integer'].includes((property.items as SchemaProperty | undefined)?.type ?? '')
      ? 'number'
      : 'text',
    parts: property.control === 'units' ? fieldsOf(property.items, words().texts.units) : [],
    when: property.when === undefined ? [] : [property.when].flat(),
  };
}

/** What the help says that the label does not. */
export function helpBeside({ label, help }: Pick<SettingField, 'label' | 'help'>): string {
  const more = help.startsWith(`${label}: `) ? help.slice(label.length + 2) : help;
  const said = more.replace(/\.$/, '').toLowerCase() === label.toLowerCase();
  return said ? '' : more.charAt(0).toUpperCase() + more.slice(1);
}

/** Whether its words hold all that is looked for. */
export function isAbout({ label, help, name }: SettingField, search: string): boolean {
  const text = `${label} ${help} ${name}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Whether a field has any effect on a request with these values. */
export function matters({ when }: Pick<SettingField, 'when'>, values: Readonly<Record<string, unknown>>): boolean {
  return when.length === 0 || when.some((name) => values[name] !== undefined && values[name] !== false);
}

function controlOf(property: SchemaProperty): ControlKind {
  if (property.control === 'none' || property.control === 'units') return property.control;
  return property.type === 'array' ? 'many' : (property.control ?? controlFor(property));
}

function controlFor({ type, enum: choices, choices: list, minimum, maximum }: SchemaProperty): ControlKind {
  if (choices || list) return 'choice';
  if (type === 'boolean') return 'switch';
  if (type === 'string') return 'text';
  if (type !== 'number' && type !== 'integer') return 'none';
  return minimum !== undefined && maximum !== undefined && maximum - minimum <= 1000 ? 'slider' : 'number';
}

/** `negativePrompt` as "Negative prompt". */
function wordsOf(name: string): string {
  const words = name.replaceAll(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function usualEnd(max: number, fallback: unknown): number {
  return typeof fallback === 'number' && fallback > 1 ? Math.min(max, fallback * 3) : max;
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** The nearest value that the field takes; what is no number becomes the default. */
export function fitting(field: SettingField, value: number): number {
  if (!Number.isFinite(value)) return typeof field.fallback === 'number' ? field.fallback : Math.max(field.min, 0);
  const inside = clamp(value, field.min, field.max);
  return Number.isInteger(field.step) ? Math.round(inside) : inside;
}
