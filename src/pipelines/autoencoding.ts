/** Who encodes and decodes a pass's pictures: the model's own VAE, or the tiny autoencoder where that is asked for. */

import type { Session } from '#engine/backend';
import type { LatentFormat } from '#models/family';
import { autoencoderAdjustment } from './adjustments.ts';
import type { SamplingPass } from './job.ts';
import type { LatentSize, LoadingEvent, ModelSessions } from './sessions.ts';

export interface Autoencoding {
  /** `image` -> `mean` or `latent` -> `image`. */
  readonly session: Session;
  /** The latents' form: the tiny one's are in the denoiser's scale already. */
  readonly format: LatentFormat;
}

type Loading<T> = AsyncGenerator<LoadingEvent, T, undefined>;

export async function* encoderOf(
  pass: SamplingPass,
  sessions: ModelSessions,
  size: LatentSize = pass.latentSize,
): Loading<Autoencoding> {
  const { request, model } = pass;
  if (request.vaeEncoder === 'TAESD') return yield* tinyHalf(pass, sessions, 'encoder', size);
  const session = yield* sessions.encoder(size, autoencoderAdjustment(request));
  return { session, format: model.parts.latent };
}

export async function* decoderOf(pass: SamplingPass, sessions: ModelSessions): Loading<Autoencoding> {
  const { request, model, latentSize } = pass;
  if (request.vaeDecoder === 'TAESD') return yield* tinyHalf(pass, sessions, 'decoder', latentSize);
  const session = yield* sessions.decoder(latentSize, autoencoderAdjustment(request));
  return { session, format: model.parts.latent };
}

/** For previews: the tiny decoder if it is there. */
export async function* previewDecoder(pass: SamplingPass, sessions: ModelSessions): Loading<Autoencoding | undefined> {
  return pass.tiny?.decoder ? yield* tinyHalf(pass, sessions, 'decoder', pass.latentSize) : undefined;
}

async function* tinyHalf(
  { tiny, model }: SamplingPass,
  sessions: ModelSessions,
  half: 'encoder' | 'decoder',
  { width, height }: LatentSize,
): Loading<Autoencoding> {
  const { weights, graph } = tiny![half]!;
  const own = () => graph({ width, height });
  const session = yield* sessions.beside(`taesd.${half}`, `${width}x${height}`, {
    graph: own,
    weights,
    optimize: 'load',
  });
  return { session, format: { ...model.parts.latent, scale: 1 } };
}
