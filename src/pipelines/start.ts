/**
 * What a picture starts from: nothing, a picture, or a picture with a mask; and what a network that takes a mask and a
 * masked picture is given. A1111 modules/processing.py (`img2img_image_conditioning`, `txt2img_image_conditioning`).
 */

import type { PixelImage } from '#core/image';
import { type Autoencoding, encoderOf } from './autoencoding.ts';
import type { SamplingPass } from './job.ts';
import { encodePlanes } from './latents.ts';
import { fillMasked, type InpaintMask, latentMaskOf, maskOfPixels, maskPixels, prepareMask } from './mask.ts';
import { areaOf, cutOut, type MaskedArea } from './only-masked.ts';
import { cover, fitted, toRgb } from './picture.ts';
import { planesOf } from './planes.ts';
import { type PlaneSize, resizePlanes } from './resample.ts';
import type { LatentSize, LoadingEvent, ModelSessions } from './sessions.ts';

export interface StartPicture {
  /** The init picture, or its masked area alone, at the size that is painted, RGB. */
  readonly original?: PixelImage;
  /** Where the painted area goes. */
  readonly masked?: MaskedArea;
  readonly mask?: InpaintMask;
  /** The init picture's latent, [c, h, w]; what is masked as the request wants it, but for noise. */
  readonly latent?: Float32Array;
  /** In place of `latent`: one for each picture of the batch, [count, c, h, w]. */
  readonly latents?: Float32Array;
  /** Planes for a network that takes them: mask and masked picture's latent, [1 + c, h, w]; picture's latent, [c, h, w]. */
  readonly extra?: Float32Array;
}

/** Whether `prepareStart` will need the autoencoder's encoder. */
export function needsEncoder({ request, model }: SamplingPass): boolean {
  return request.init !== undefined || takesMask(model.parts.denoiser);
}

function takesMask(denoiser: { extraInput: string }): boolean {
  return denoiser.extraInput === 'mask-and-masked-latent';
}

/** `encoder`: of the model's VAE, for the size of the pass. */
export async function prepareStart(pass: SamplingPass, encoding: Autoencoding): Promise<StartPicture> {
  const { session, format } = encoding;
  const cells = ownCells(pass);
  const { request, size, latentSize, model } = pass;
  const { denoiser } = model.parts;
  const encode = (planes: Float32Array): Promise<Float32Array> => encodePlanes(session, format, planes, latentSize);
  const masked = maskedArea(pass);
  const original =
    request.init &&
    (masked ? cutOut(masked.whole, masked.area, size) : toRgb(fitted(request.init, size, request.resizeMode)));
  const shown = maskOf(pass, masked);
  // Of its own for the latent, where the picture has one.
  const drawn =
    shown && request.latentMask
      ? latentMaskOf(request.latentMask, { size, latentSize, round: roundsMask(pass) })
      : shown;
  const mask = shown && drawn && { latent: drawn.latent, pixels: shown.pixels };
  const extra = takesMask(denoiser) ? await maskInput(pass, original, mask, encode) : undefined;
  if (!original) return { extra };
  const seen = denoiser.extraInput === 'picture-latent' ? await encode(planesOf(original)) : undefined;
  const under = drawn && request.maskedContent !== 'original' ? fillMasked(original, drawn) : original;
  const latent = cells ? await latentOf(request.init, pass, encoding) : await encode(planesOf(under));
  if (mask && request.maskedContent === 'nothing') eraseMasked(latent, mask.latent);
  return { original, latent, mask, extra: extra ?? seen?.map((v) => v / model.parts.latent.scale), masked };
}

/** Of a picture that is resized as a latent alone: the size at which it is encoded. */
export function ownCells({ request, model, latentSize }: SamplingPass): LatentSize | undefined {
  const { init, mask, resizeMode } = request;
  if (!init || mask || resizeMode !== 'Just resize (latent upscale)' || takesMask(model.parts.denoiser))
    return undefined;
  const { factor } = model.parts.latent;
  const cells = { width: Math.floor(init.width / factor), height: Math.floor(init.height / factor) };
  const isSame = cells.width === latentSize.width && cells.height === latentSize.height;
  return isSame || cells.width === 0 || cells.height === 0 ? undefined : cells;
}

async function latentOf(
  init: PixelImage,
  pass: SamplingPass,
  { session, format }: Autoencoding,
): Promise<Float32Array> {
  const cells = ownCells(pass)!;
  const { factor } = pass.model.parts.latent;
  const picture = toRgb(cover(init, { width: cells.width * factor, height: cells.height * factor }));
  const latent = await encodePlanes(session, format, planesOf(picture), cells);
  return resizePlanes(latent, cells, pass.latentSize, 'point-bilinear');
}

/** Undefined where the whole picture is painted, and for a mask that masks nothing. */
function maskedArea({ request, size }: SamplingPass): MaskedArea | undefined {
  const { init, mask, inpaintArea, inpaintPadding, maskBlur: blur, maskBlurY: blurY, maskInvert: invert } = request;
  if (!init || !mask || inpaintArea === 'Whole picture') return undefined;
  const whole = toRgb(init);
  const pixels = maskPixels(mask, { over: whole, size: whole, blur, blurY, invert, round: request.maskRound });
  const area = areaOf(pixels, whole, inpaintPadding, size);
  return area && { area, whole, pixels };
}

/** As in A1111, a blank mask makes a picture of which only the masked area is asked for a plain picture to picture. */
function maskOf(pass: SamplingPass, masked: MaskedArea | undefined): InpaintMask | undefined {
  const { request, size, latentSize } = pass;
  const round = roundsMask(pass);
  const { init, mask, maskBlur: blur, maskBlurY: blurY, maskInvert: invert, resizeMode } = request;
  if (!mask) return undefined;
  if (request.inpaintArea === 'Whole picture') {
    return prepareMask(mask, { over: init, size, latentSize, blur, blurY, invert, round, resizeMode });
  }
  if (!masked) return undefined;
  const { width, height } = masked.whole;
  const { data } = cutOut({ width, height, channels: 1, data: masked.pixels }, masked.area, size);
  return maskOfPixels(data, size, latentSize, round);
}

function roundsMask({ request }: SamplingPass): boolean {
  return request.maskRound && !request.softInpainting;
}

function eraseMasked(latent: Float32Array, mask: Float32Array): void {
  for (let i = 0; i < latent.length; i++) latent[i]! *= 1 - mask[i % mask.length]!;
}

/** What a network that takes a mask is given where all is painted anew; undefined for others. */
export async function* emptyMaskInput(
  pass: SamplingPass,
  sessions: ModelSessions,
): AsyncGenerator<LoadingEvent, Float32Array | undefined, undefined> {
  if (!takesMask(pass.model.parts.denoiser)) return undefined;
  const { session, format } = yield* encoderOf(pass, sessions);
  const encode = (planes: Float32Array) => encodePlanes(session, format, planes, pass.latentSize);
  return await maskInput(pass, undefined, undefined, encode);
}

/** Without a picture or a mask, all is masked: grey. */
async function maskInput(
  { size, latentSize, request }: SamplingPass,
  original: PixelImage | undefined,
  mask: InpaintMask | undefined,
  encode: (planes: Float32Array) => Promise<Float32Array>,
): Promise<Float32Array> {
  const pixels = size.width * size.height;
  const cells = latentSize.width * latentSize.height;
  const planes = original && mask ? planesOf(original) : new Float32Array(3 * pixels);
  // At a lower weight what is masked is paler grey: part of the picture that is to be painted over shows.
  const shown = 1 - request.conditionalMaskWeight;
  if (mask) for (let i = 0; i < planes.length; i++) if (mask.pixels[i % pixels]! >= 128) planes[i]! *= shown;
  const latent = await encode(planes);
  const extra = new Float32Array(cells + latent.length);
  extra.set(mask ? maskPlane(mask, size, latentSize) : new Float32Array(cells).fill(1));
  extra.set(latent, cells);
  return extra;
}

/** The pixels' mask at the latent's size, by the nearest pixel, as A1111 and diffusers give it to these networks. */
export function maskPlane({ pixels }: InpaintMask, size: PlaneSize, latentSize: PlaneSize): Float32Array {
  const masked = Float32Array.from(pixels, (v) => (v >= 128 ? 1 : 0));
  return resizePlanes(masked, size, latentSize, 'nearest-floor');
}
