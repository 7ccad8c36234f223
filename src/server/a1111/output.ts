/** Pictures in answers: base64 of the file, or of a copy in the format that this request asks for. */

import { FieldError } from '#api/check';
import type { GalleryImage } from '#studio/gallery/image';
import { decodePixels, encodeImage, type ImageFormat, imageFormats } from '#studio/images/codec';
import type { Studio } from '#studio/studio';
import { type Options, readOption } from './options.ts';
import type { CommonFields } from './schemas.ts';

export type PictureOutput = (studio: Pick<Studio, 'gallery'>, image: GalleryImage) => Promise<string>;

/** @throws FieldError for a format that cannot be written */
export function outputOf({ override_settings: given }: CommonFields, stored: Options): PictureOutput {
  const option = (name: string): unknown => {
    const value = given?.[name];
    return value === undefined || value === null ? undefined : readOption(name, value).value;
  };
  const wanted = option('samples_format');
  const format = wanted === undefined ? undefined : formatOf(String(wanted));
  const bare = (option('enable_pnginfo') ?? stored.enable_pnginfo) === false;
  const quality = Number(option('jpeg_quality') ?? stored.jpeg_quality);
  return async ({ gallery }, image) => {
    const file = await gallery.read(image.id);
    if (!bare && (format === undefined || format === image.format)) return file.toString('base64');
    const decoded = await decodePixels(file);
    const bytes = await encodeImage(
      decoded.image,
      format ?? (decoded.format as ImageFormat),
      bare ? '' : image.infotext,
      { quality },
    );
    return Buffer.from(bytes).toString('base64');
  };
}

function formatOf(name: string): ImageFormat {
  const known = imageFormats.find((format) => format === (name === 'jpg' ? 'jpeg' : name));
  if (known) return known;
  throw new FieldError('samples_format', `samples_format: expected ${imageFormats.join(', ')}, got ${name}.`);
}
