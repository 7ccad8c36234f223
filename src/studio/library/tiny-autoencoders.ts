/** Tiny autoencoders of the library: in one file of both halves, or in one of each. */

import type { LatentFormat } from '#models/family';
import { type OpenedTaesd, openTaesd } from '#models/taesd/open';
import { nodeModelFiles } from '../files/model-files.ts';
import { scanModels } from './scan.ts';

/** Both halves as far as they are there, for latents of this form. @throws ModelFileError for a damaged file */
export async function openTinyAutoencoder(
  { tinyNames, channels, factor }: LatentFormat,
  roots: readonly string[],
): Promise<OpenedTaesd | undefined> {
  if (!tinyNames) return undefined;
  const models = (await scanModels(roots)).filter(
    ({ path, kind }) => kind === 'tiny-autoencoder' && tinyNames.test(path),
  );
  let found: OpenedTaesd = {};
  for (const { path } of models) {
    const { encoder, decoder } = await openTaesd(nodeModelFiles, path);
    const fits = [encoder, decoder].every(
      (half) => !half || (half.latentChannels === channels && half.factor === factor),
    );
    if (fits) found = { encoder: found.encoder ?? encoder, decoder: found.decoder ?? decoder };
  }
  return found.encoder || found.decoder ? found : undefined;
}
