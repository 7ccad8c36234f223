/**
 * What the user may change while the studio runs, checked by one schema and kept in the database. Where pictures and
 * data lie is not among it: a request must never be able to redirect what is written.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import type { Emit } from '../events/bus.ts';
import { imageFormats } from '../images/codec.ts';
import type { Database } from '../store/database.ts';

export const settingsSchema = z.strictObject({
  defaultModel: z
    .string()
    .max(500)
    .default('')
    .describe('Checkpoint for requests that name none; empty: the embedded.'),
  outputFormat: z.enum(imageFormats).default('png').describe('File type of new pictures.'),
  outputQuality: z.int().min(1).max(100).default(90).describe('Quality of JPEG and WebP pictures.'),
  previewEvery: z.int().min(0).max(1000).default(4).describe('A preview every so many steps; 0 for none.'),
  idleUnloadMinutes: z.number().min(0).max(10_080).default(10).describe('Free the engine’s memory after; 0: never.'),
  memoryLimitMib: z.int().min(0).max(10_000_000).default(0).describe('Stop the engine above this memory; 0: no limit.'),
  trashDays: z.number().min(0).max(36_500).default(30).describe('Empty pictures from the trash after; 0: never.'),
  maxWaitingJobs: z.int().min(1).max(1_000_000).default(10_000).describe('Jobs that may wait at once.'),
});

export type SettingsValues = z.output<typeof settingsSchema>;
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

  /** Changes the given settings. @throws UserError `settings.invalid` naming the field; nothing is changed then */
  update(patch: SettingsPatch): SettingsValues {
    const result = settingsSchema.safeParse({ ...this.#values, ...patch });
    if (!result.success) {
      const issue = result.error.issues[0]!;
      throw new UserError('settings.invalid', `Setting ${issue.path.join('.') || '?'}: ${issue.message}.`);
    }
    this.#values = result.data;
    this.write(name, result.data);
    for (const listener of this.#listeners) listener(result.data);
    this.#emit('settings.changed', result.data);
    return result.data;
  }

  onChange(listener: (values: SettingsValues) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A value of another part (compatibility layers keep their options under names of their own). */
  read(key: string): unknown {
    const row = this.#db.get<{ value: string }>('SELECT value FROM settings WHERE name = ?', [key]);
    return row ? (JSON.parse(row.value) as unknown) : undefined;
  }

  write(key: string, value: unknown): void {
    this.#db.run(
      'INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      [key, JSON.stringify(value)],
    );
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
