/** The fields that the gallery searches by, from a picture's infotext; all else it keeps as text. */

import type { IndexedPicture, pictureSettings } from '#api/records/picture';
import { galleryNames, gallerySettings, settingsOfInfotext } from '#pipelines/settings/index';
import { parseInfotext } from '#prompt/infotext';

export type InfotextFields = Pick<IndexedPicture, 'prompt' | 'negativePrompt' | keyof typeof pictureSettings>;

/** Values that do not fit their column are left out: texts of other programs may hold anything. */
export function infotextFields(infotext: string): InfotextFields {
  const parsed = parseInfotext(infotext);
  const text = (key: string) => (parsed[key] === undefined ? undefined : String(parsed[key]));
  const prompts = { prompt: text('Prompt') ?? '', negativePrompt: text('Negative prompt') ?? '' };
  // Without a line of parameters there are only the parser's defaults.
  if (parsed.Steps === undefined) return prompts;
  const said = settingsOfInfotext(parsed);
  const settings = galleryNames.flatMap((name) => {
    const { success, data } = gallerySettings[name].safeParse(said[name]);
    return success && data !== undefined ? [[name, data]] : [];
  });
  const model = [
    ['model', text('Model')],
    ['modelHash', text('Model hash')],
  ].filter(([, value]) => value !== undefined);
  return { ...prompts, ...Object.fromEntries([...settings, ...model]) };
}
