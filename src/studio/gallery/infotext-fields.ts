/** The fields that the gallery searches by, from a picture's infotext; all else it keeps as text. */

import type { IndexedPicture, pictureSettings } from '#api/records/picture';
import { parseInfotext } from '#prompt/infotext';

export type InfotextFields = Pick<IndexedPicture, 'prompt' | 'negativePrompt' | keyof typeof pictureSettings>;

export function infotextFields(infotext: string): InfotextFields {
  const parsed = parseInfotext(infotext);
  const text = (key: string) => (parsed[key] === undefined ? undefined : String(parsed[key]));
  const number = (key: string) => {
    const value = Number(parsed[key] ?? Number.NaN);
    return Number.isFinite(value) ? value : undefined;
  };
  const prompts = { prompt: text('Prompt') ?? '', negativePrompt: text('Negative prompt') ?? '' };
  // Without a line of parameters there are only the parser's defaults.
  if (parsed.Steps === undefined) return prompts;
  const fields = {
    model: text('Model'),
    modelHash: text('Model hash'),
    sampler: text('Sampler'),
    scheduler: text('Schedule type'),
    steps: number('Steps'),
    cfgScale: number('CFG scale'),
    seed: number('Seed'),
  };
  return { ...prompts, ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) };
}
