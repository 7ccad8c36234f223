/**
 * Draw Things: XMP in which `CreatorTool` names it and `exif:UserComment` holds JSON; in files without XMP the same
 * JSON is the comment. Source: files of the app as public readers of them describe (keys c, uc, v2). Its samplers' names
 * end in their schedule. Left out and named: its own hires fix, controls, seed modes, which draw other noise.
 */

import { baseName, type Dialect, type Json, loraTag, numberOf, objectOf, parseObject, textOf } from './dialect.ts';
import { XMP_KEYWORD, xmpProperty } from './xmp.ts';

export const drawThings: Dialect = {
  program: 'Draw Things',
  keywords: [XMP_KEYWORD, 'parameters'],
  read(texts) {
    const settings = parseObject(commentOf(texts.get(XMP_KEYWORD))) ?? parseObject(texts.get('parameters'));
    if (!settings || typeof settings.c !== 'string' || typeof settings.uc !== 'string') return undefined;
    const more = objectOf(settings.v2) ?? {};
    const [, sampler, schedule] = /^(.*?)(?: (Karras|AYS))?$/.exec(textOf(settings.sampler) ?? '') ?? [];
    const refiner = textOf(more.refinerModel);
    return {
      prompt: [settings.c, ...lorasOf(settings.lora ?? more.loras)].join(' '),
      negativePrompt: settings.uc,
      entries: [
        ['Steps', numberOf(settings.steps)],
        ['Sampler', sampler || undefined],
        ['Schedule type', schedule === 'AYS' ? 'Align Your Steps' : schedule],
        ['CFG scale', numberOf(settings.scale)],
        ['Seed', numberOf(settings.seed)],
        ['Size', textOf(settings.size)],
        ['Model', typeof settings.model === 'string' ? baseName(settings.model) : undefined],
        ['Denoising strength', Number(settings.strength) < 1 ? numberOf(settings.strength) : undefined],
        ['Clip skip', Number(more.clipSkip) > 1 ? numberOf(more.clipSkip) : undefined],
        ['Refiner', refiner ? baseName(refiner) : undefined],
        ['Refiner switch at', refiner ? numberOf(more.refinerStart) : undefined],
        ['Draw Things', beside(settings, more)],
      ],
    };
  },
};

/** The user comment of an XMP packet that this app wrote. */
function commentOf(xmp: string | undefined): string | undefined {
  const tool = xmpProperty(xmp, 'xmp:CreatorTool');
  return tool?.startsWith('Draw Things') ? xmpProperty(xmp, 'exif:UserComment') : undefined;
}

function lorasOf(listed: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(listed) ? listed : [];
  return list.flatMap((each) => {
    const lora = objectOf(each);
    return loraTag(lora?.file ?? lora?.model, lora?.weight) ?? [];
  });
}

function beside(settings: Json, more: Json): string | undefined {
  const lists = ['controls', 'control'].filter((key) =>
    [settings[key], more[key]].some((v) => Array.isArray(v) && v.length > 0),
  );
  const used = [
    ...lists,
    ...(more.hiresFix === true ? ['hiresFix'] : []),
    ...(textOf(more.upscaler) ? ['upscaler'] : []),
  ];
  return used.length > 0 ? used.join(', ') : undefined;
}
