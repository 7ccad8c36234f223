/**
 * `--control canny,model=NAME,image=FILE,weight=0.8`: a unit of control as one text. Its first word is the module; the
 * others are the fields of a unit in kebab case, `image` and `mask` files. A value with a comma stands in quotes.
 */

import { z } from 'zod';
import type { PixelImage } from '#core/image';
import { type ControlUnit, controlUnitFields, controlUnitSchema } from '#pipelines/control/unit';
import type { ControlPictures } from '#pipelines/request';
import { fieldsOf, readFields } from '../fields.ts';
import { UsageError } from '../usage-error.ts';

export interface GivenUnit {
  readonly unit: ControlUnit;
  readonly pictures: ControlPictures;
}

/** Reads a picture's file. */
export type ReadPicture = (flag: string, file: string) => Promise<PixelImage>;

const flag = '--control';

const fields = fieldsOf(controlUnitFields);
const switches = fields.filter(({ facts }) => facts.type === 'boolean').map(({ flag: name }) => name!);
const names = ['image', 'mask', ...fields.map(({ flag: name }) => name!)];

/** @throws UsageError that names the word and what it may be; UserError for a picture that cannot be read */
export async function readControl(text: string, read: ReadPicture): Promise<GivenUnit> {
  const given = new Map<string, string | boolean>();
  for (const [i, word] of wordsOf(text).entries()) {
    const [, name = word, value] = /^([a-z-]+)=(.*)$/s.exec(word) ?? [];
    if (i === 0 && value === undefined && !switches.includes(name)) given.set('module', name);
    else if (value === undefined && switches.includes(name)) given.set(name, true);
    else if (names.includes(name) && value !== undefined) given.set(name, value);
    else
      throw new UsageError(
        'control.word',
        `${flag}: ${JSON.stringify(word)} is no part of a unit; those are ${shown()}.`,
      );
  }
  const picture = async (name: string) => {
    const file = given.get(name);
    return file === undefined ? undefined : await read(`${flag} ${name}`, String(file));
  };
  const texts = Object.fromEntries(
    fields.flatMap(({ name, flag: own, facts }) => {
      const value = given.get(own!);
      const isSwitch = facts.type === 'boolean' && typeof value === 'string';
      return value === undefined ? [] : [[name, isSwitch ? value === 'true' : value]];
    }),
  );
  const unit = readFields(controlUnitFields, fields, texts, ({ flag: own }) => `${flag} ${own}`);
  const ordered = controlUnitSchema.safeParse(unit);
  if (!ordered.success) throw new UsageError('control.order', `${flag} start: ${z.prettifyError(ordered.error)}`);
  return { unit, pictures: { image: await picture('image'), mask: await picture('mask') } };
}

function shown(): string {
  return names.map((name) => (switches.includes(name) ? name : `${name}=...`)).join(', ');
}

/** Between commas that are not in quotes. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  return words.map((word) => word.trim().replaceAll('"', '')).filter((word) => word !== '');
}
