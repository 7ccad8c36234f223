/**
 * Values as A1111's API takes them: FastAPI with pydantic 1 turns what it can into the type of the field, so clients
 * send numbers and flags as text. Null stands for a field that is left out.
 *
 * Source: the coercion rules of pydantic 1.10 (int, float, bool, str, dict and list validators).
 */

import { z } from 'zod';

const on = ['1', 'true', 't', 'yes', 'y', 'on'];
const off = ['0', 'false', 'f', 'no', 'n', 'off'];
/** Longest prompt or name. */
const longest = 100_000;

function readInt(value: unknown): unknown {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : value;
  return typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : value;
}

function readFloat(value: unknown): unknown {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value)) ? Number(value) : value;
}

function readBool(value: unknown): unknown {
  if (typeof value !== 'boolean' && typeof value !== 'number' && typeof value !== 'string') return value;
  const word = String(value).toLowerCase();
  return on.includes(word) ? true : off.includes(word) ? false : value;
}

function readText(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'number' ? String(value) : value;
}

/** An empty list is an empty map, and so is a list of pairs their map. */
function readMap(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const isPair = (item: unknown): item is [string, unknown] => Array.isArray(item) && item.length === 2;
  return value.every(isPair) ? Object.fromEntries(value) : value;
}

// Whole numbers past 2^53 are looked at by whoever uses them: a seed that is rounded would be another picture.
// What comes in may be anything; descriptions tell what it stands for.
export const int = z
  .preprocess(readInt, z.number().refine(Number.isInteger, { error: 'value is not a valid integer' }).nullish())
  .meta({ type: 'integer' });
export const float = z
  .preprocess(readFloat, z.number({ error: 'value is not a valid float' }).nullish())
  .meta({ type: 'number' });
export const bool = z
  .preprocess(readBool, z.boolean({ error: 'value could not be parsed to a boolean' }).nullish())
  .meta({ type: 'boolean' });
export const text = z
  .preprocess(readText, z.string({ error: 'str type expected' }).max(longest).nullish())
  .meta({ type: 'string' });
/** Base64 of a picture, or its address. */
export const picture = z.string({ error: 'str type expected' }).nullish();
export const map = z
  .preprocess(readMap, z.record(z.string(), z.unknown(), { error: 'value is not a valid dict' }).nullish())
  .meta({ type: 'object' });
/** Its items are whoever's uses them: looking at each of twenty thousand here would hold the event loop. */
export const list = z
  .custom<unknown[]>(Array.isArray, { error: 'value is not a valid list' })
  .meta({ type: 'array', items: {} })
  .nullish();

export const kinds = { int, float, bool, text } as const;
export type Kind = keyof typeof kinds;
