/** What guides a picture besides its prompt: units of control. */

import { z } from 'zod';
import { controlUnitSchema, maxControls } from '../control/unit.ts';
import { type ToldUnit, unitOfText, unitText } from '../control/unit-text.ts';
import { type InfotextFace, setting } from './setting.ts';

const indices = Array.from({ length: maxControls }, (_, i) => i);

const unitsFace: InfotextFace = {
  keys: ['ControlNet', ...indices.map((i) => `ControlNet ${i}`)],
  write: (value = []) => (value as readonly ToldUnit[]).map((unit, i) => [`ControlNet ${i}`, unitText(unit)]),
  read(parsed) {
    const texts = [parsed['ControlNet'], ...indices.map((i) => parsed[`ControlNet ${i}`])];
    const units = texts.flatMap((text) => (text === undefined ? [] : (unitOfText(String(text)) ?? [])));
    return units.length === 0 ? undefined : units;
  },
};

export const controlSettings = {
  controls: setting({
    // The command line has a flag of its own for it, the page a form.
    type: z.array(controlUnitSchema).max(maxControls).default([]).meta({ flag: false }),
    help: 'Units of control: pictures by which ControlNets and their relatives guide this one.',
    form: { label: 'Control', group: 'control', level: 'full', control: 'units' },
    infotext: unitsFace,
  }),
};
