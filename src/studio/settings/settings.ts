/**
 * What the user may change while the studio runs, checked by one schema and kept in the database. Where pictures and
 * data lie is not among it: a request must never be able to redirect what is written.
 */

import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { type SettingsValues, settingsSchema } from '#api/records/settings';
import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import type { Database } from '../store/database.ts';
import { readValue, writeValue } from '../store/kept-values.ts';

export type SettingsPatch = z.input<typeof settingsSchema>;

export interface SettingsEvents {
  'settings.changed': SettingsValues;
}

const name = 'studio';

export class Settings {
  readonly #db: Database;
  readonly #emit: Emit<SettingsEvents>;
  readonly #listeners = new Set<(values: SettingsValues) => void>();
  #values: SettingsValues;

  constructor(db: Database, emit: Emit<SettingsEvents>) {
    this.#db = db;
    this.#emit = emit;
    // A value that a newer version's schema no longer takes falls back to its default; the others stay.
    this.#values = salvage(this.read(name));
  }

  get(): SettingsValues {
    return this.#values;
  }

  /**
   * Changes the given settings, and writes values of another part beside them: all of it or nothing.
   * @throws UserError `settings.invalid` naming the field
   */
  update(patch: SettingsPatch, beside: Readonly<Record<string, unknown>> = {}): SettingsValues {
    // Read anew: another process may have changed others meanwhile, which must not be undone.
    const values = this.#db.transaction(() => {
      const result = settingsSchema.safeParse({ ...salvage(this.read(name)), ...patch });
      if (!result.success) {
        const issue = result.error.issues[0]!;
        throw new UserError('settings.invalid', `Setting ${issue.path.join('.') || '?'}: ${issue.message}.`);
      }
      this.write(name, result.data);
      for (const [key, value] of Object.entries(beside)) this.write(key, value);
      return result.data;
    });
    this.#take(values);
    return values;
  }

  /** Another process may have changed them. */
  changedOutside(): void {
    const values = salvage(this.read(name));
    if (!isDeepStrictEqual(values, this.#values)) this.#take(values);
  }

  onChange(listener: (values: SettingsValues) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A value of another part (compatibility layers keep their options under names of their own). */
  read(key: string): unknown {
    return readValue(this.#db, key);
  }

  write(key: string, value: unknown): void {
    writeValue(this.#db, key, value);
  }

  #take(values: SettingsValues): void {
    this.#values = values;
    for (const listener of this.#listeners) listener(values);
    this.#emit('settings.changed', values);
  }
}

function salvage(stored: unknown): SettingsValues {
  const known = typeof stored === 'object' && stored !== null ? (stored as Record<string, unknown>) : {};
  const good = Object.entries(settingsSchema.shape).flatMap(([field, schema]) => {
    const result = schema.safeParse(known[field]);
    return result.success ? [[field, result.data]] : [];
  });
  return settingsSchema.parse(Object.fromEntries(good));
}
