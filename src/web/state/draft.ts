/**
 * What the form holds: values by field name, only those that were set. One draft a tab; what another tab types never
 * gets in. A field left out stands for the server's default.
 */

import { fitting, matters, type SettingField } from './fields.ts';

export type Draft = Readonly<Record<string, unknown>>;

export const randomSeed = -1;
/** Stands for a mask that is drawn on the canvas; it becomes a picture when the request is sent. */
export const drawnMask = 'drawn';

export function settingValue(draft: Draft, field: SettingField): unknown {
  return draft[field.name] ?? field.fallback;
}

export function isChanged(draft: Draft, field: SettingField): boolean {
  const value = draft[field.name];
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== field.fallback && value !== '';
}

/** Sets or, with undefined or the default, removes one value. */
export function withValue(draft: Draft, name: string, value: unknown): Draft {
  const { [name]: _old, ...rest } = draft;
  return value === undefined || value === '' ? rest : { ...rest, [name]: value };
}

/** From storage, or from elsewhere: what no longer fits its field is left out. */
export function restoreDraft(saved: unknown, fields: readonly SettingField[]): Draft {
  if (typeof saved !== 'object' || saved === null) return {};
  const given = saved as Record<string, unknown>;
  const kept = fields.flatMap((field) => {
    const value = Object.hasOwn(given, field.name) ? given[field.name] : undefined;
    return value !== undefined && fits(field, value) ? [[field.name, value] as const] : [];
  });
  return Object.fromEntries(kept);
}

function fits(field: SettingField, value: unknown): boolean {
  switch (field.control) {
    case 'switch':
      return typeof value === 'boolean';
    case 'slider':
    case 'number':
    case 'seed':
    case 'size':
      return typeof value === 'number' && fitting(field, value) === value;
    case 'units':
      return Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null);
    case 'many':
      return Array.isArray(value) && value.every((each) => typeof each === 'string');
    case 'choice':
      return typeof value === 'string' && (!Array.isArray(field.choices) || field.choices.includes(value));
    default:
      return typeof value === 'string';
  }
}

/** Everything that a picture or job was asked for, over an empty draft. */
export function recall(request: Readonly<Record<string, unknown>>, fields: readonly SettingField[]): Draft {
  const draft = restoreDraft(request, fields);
  return Object.fromEntries(fields.flatMap((f) => (isChanged(draft, f) ? [[f.name, draft[f.name]]] : [])));
}

/** The request for the server: fields whose condition is not met are left out. */
export function requestOf(draft: Draft, fields: readonly SettingField[]): Record<string, unknown> {
  const sent = fields.filter((field) => draft[field.name] !== undefined && matters(field, draft));
  return Object.fromEntries(sent.map((field) => [field.name, draft[field.name]]));
}
