/**
 * Request fields of A1111's txt2img and img2img. Those that are settings of ours come from the table of settings; the
 * others are here. Bounds are not checked: values outside are brought inside, with a word (translate.ts).
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/api/models.py and the processing classes (names and defaults).
 */

import { z } from 'zod';
import { defaultOf, settingRows, valueType } from '#pipelines/settings/index';
import type { A1111Face } from '#pipelines/settings/setting';
import { bool, float, int, type Kind, kinds, list, map, picture, text } from './pydantic.ts';

/** What a setting's values are there. */
export function kindOf(name: (typeof settingRows)[number][0], face: A1111Face): Kind {
  if (face.kind) return face.kind;
  const { type } = z.toJSONSchema(valueType(name), { io: 'input' });
  return type === 'integer' ? 'int' : type === 'number' ? 'float' : type === 'boolean' ? 'bool' : 'text';
}

/** Fields of settings, by the tab that has them. */
function settingFields(tab: 'txt2img' | 'img2img'): Record<string, (typeof kinds)[Kind]> {
  return Object.fromEntries(
    settingRows.flatMap(([name, { a1111 }]) =>
      a1111?.field === undefined || (a1111.only ?? tab) !== tab ? [] : [[a1111.field, kinds[kindOf(name, a1111)]]],
    ),
  );
}

const commonShape = {
  styles: list,
  sampler_index: text,
  do_not_save_samples: bool,
  do_not_save_grid: bool,
  override_settings: map,
  override_settings_restore_afterwards: bool,
  disable_extra_networks: bool,
  comments: map,
  script_name: text,
  script_args: list,
  alwayson_scripts: map,
  send_images: bool,
  save_images: bool,
  force_task_id: text,
  infotext: text,
};

export const txt2imgSchema = z.looseObject({
  ...settingFields('txt2img'),
  ...commonShape,
  firstpass_image: picture,
  firstphase_width: int,
  firstphase_height: int,
});

export const img2imgSchema = z.looseObject({
  ...settingFields('img2img'),
  ...commonShape,
  init_images: list,
  include_init_images: bool,
  mask: picture,
  mask_blur_x: float,
  mask_blur_y: float,
  latent_mask: picture,
});

/** What the answer echoes for fields that the request leaves out: upstream's defaults. */
export function defaultsOf(fields: CommonFields): Record<string, unknown> {
  const tab = 'init_images' in fields ? 'img2img' : 'txt2img';
  const ofSettings = settingRows.flatMap(([name, { a1111 }]) =>
    a1111?.field === undefined || (a1111.only ?? tab) !== tab
      ? []
      : [[a1111.field, a1111.fallback ?? (a1111.option === undefined ? defaultOf(name) : undefined) ?? null]],
  );
  return { ...Object.fromEntries(ofSettings), send_images: true, save_images: false } as Record<string, unknown>;
}

/** Values of settings' fields by name. */
type SettingFields = Readonly<Record<string, unknown>>;
type Common = { readonly [K in keyof typeof commonShape]?: z.output<(typeof commonShape)[K]> };

export type CommonFields = SettingFields & Common;
export type Txt2imgFields = CommonFields & Pick<z.output<typeof txt2imgSchema>, 'enable_hr' | 'firstpass_image'>;
export type Img2imgFields = CommonFields &
  Pick<
    z.output<typeof img2imgSchema>,
    'init_images' | 'include_init_images' | 'mask' | 'mask_blur_x' | 'mask_blur_y' | 'latent_mask'
  >;
