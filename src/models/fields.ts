/** Reading fields of parsed JSON or YAML that others wrote: right type or an error that says where and what. */

import type { z } from 'zod';
import { ModelFileError } from './model-error.ts';

/** Bounds beyond any network: a config that asks for more is a mistake, and building it would take all memory. */
export const mostCount = 2 ** 20;
export const mostLevels = 16;
export const mostLayers = 256;

export interface CountRange {
  readonly least?: number;
  readonly most?: number;
}

export class Fields {
  /** Name of the file, then the path inside it; for messages. */
  readonly where: string;
  readonly #value: Readonly<Record<string, unknown>>;

  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ModelFileError('config', `${where} must be an object, got ${describe(value)}`);
    }
    this.where = where;
    this.#value = value as Record<string, unknown>;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  names(): string[] {
    return Object.keys(this.#value);
  }

  raw(name: string): unknown {
    const value = Object.hasOwn(this.#value, name) ? this.#value[name] : undefined;
    return value === null ? undefined : value;
  }

  number(name: string, fallback?: number): number {
    const value = this.raw(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.wrong(name, 'a number', value);
  }

  /** A whole number: sizes and counts. */
  count(name: string, fallback?: number, { least = 1, most = mostCount }: CountRange = {}): number {
    const value = this.number(name, fallback);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.wrong(name, `a whole number from ${least} to ${most}`, value);
  }

  /** A list of whole numbers, one for each level of a network. */
  counts(name: string, { least = 1, most = mostCount }: CountRange = {}): number[] {
    const value = this.raw(name);
    const good = (v: unknown): v is number => Number.isInteger(v) && (v as number) >= least && (v as number) <= most;
    if (Array.isArray(value) && value.length > 0 && value.length <= mostLevels && value.every(good)) return value;
    throw this.wrong(name, `a list of up to ${mostLevels} whole numbers from ${least} to ${most}`, value);
  }

  string(name: string, fallback?: string): string {
    const value = this.raw(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === 'string') return value;
    throw this.wrong(name, 'a string', value);
  }

  strings(name: string): string[] {
    const value = this.raw(name);
    if (Array.isArray(value) && value.every((v) => typeof v === 'string')) return value;
    throw this.wrong(name, 'a list of strings', value);
  }

  boolean(name: string, fallback?: boolean): boolean {
    const value = this.raw(name);
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === 'boolean') return value;
    throw this.wrong(name, 'true or false', value);
  }

  oneOf<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.string(name, fallback);
    if ((choices as readonly string[]).includes(value)) return value as T;
    throw this.wrong(name, choices.join(' or '), value);
  }

  /** The object below a field; undefined when it is absent. */
  child(name: string): Fields | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : new Fields(value, `${this.where}: ${name}`);
  }

  /** The object below a field that must be there. */
  need(name: string): Fields {
    const found = this.child(name);
    if (!found) throw this.wrong(name, 'an object', undefined);
    return found;
  }

  /** Refuses values that the networks here do not implement. */
  require(name: string, supported: readonly unknown[]): void {
    const value = this.raw(name);
    if (value !== undefined && !supported.includes(value)) {
      throw this.wrong(name, `one of the supported values (${supported.map(describe).join(', ')})`, value);
    }
  }

  /** The whole object by a schema; the first field that does not fit is named. */
  parse<T>(schema: z.ZodType<T>): T {
    const result = schema.safeParse(this.#value);
    if (result.success) return result.data;
    const { path, message } = result.error.issues[0]!;
    throw new ModelFileError('config', `${[this.where, ...path.map(String)].join(': ')}: ${message}`);
  }

  wrong(name: string, expected: string, got: unknown): ModelFileError {
    return new ModelFileError('config', `${this.where}: ${name} must be ${expected}, got ${describe(got)}`);
  }
}

function describe(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

/** Parses JSON; what is not JSON is named. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModelFileError('config', `${where} is not valid JSON: ${(cause as Error).message}`);
  }
}
