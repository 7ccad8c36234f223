/**
 * SD upscale: the start picture enlarged, then drawn over tile by tile; tiles overlap and fade into each other.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, scripts/sd_upscale.py: seeds count up from tile to tile, the text is that of the
 * first tile. Tiles are drawn one at a time, whatever the batch size; the count of pictures is what is asked for.
 */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { writeInfotext } from '#prompt/infotext-writer';
import { toRgb } from './picture.ts';
import type { GenerateEvent, GenerateRequest } from './request.ts';
import type { PlaneSize } from './resample.ts';
import { TileJoiner, tileAxis, tilePlanes, tileWeights } from './upscale/tiles.ts';
import { checkUpscaledSize, type Upscalers } from './upscale/upscalers.ts';

type Events = AsyncGenerator<GenerateEvent, void, undefined>;

export interface TiledUpscale {
  readonly upscalers: Upscalers;
  /** The upscaler for a factor where none is named. */
  readonly defaultUpscaler: (by: number) => string;
  /** Of a tile where the request does not say. */
  readonly tileSize: PlaneSize;
  readonly signal: AbortSignal | undefined;
  /** One request, in which nothing is tiled. */
  draw(request: GenerateRequest): Events;
  readonly drawSeed: () => number;
}

export function wantsTiles({ init, sdUpscale }: GenerateRequest): boolean {
  return init !== undefined && sdUpscale > 1;
}

/** Pictures and their steps, told over all tiles; ends early once the signal is set. @throws UserError */
export async function* drawTiled(request: GenerateRequest, parts: TiledUpscale): Events {
  if (request.mask)
    throw new UserError('request.tiles', 'SD upscale draws over the whole picture; leave the mask out.');
  if (request.regions !== '')
    throw new UserError('request.tiles', 'SD upscale draws each tile with the whole prompt; leave the regions out.');
  const { sdUpscale: by, sdUpscaleOverlap: overlap } = request;
  const { signal } = parts;
  const { width = parts.tileSize.width, height = parts.tileSize.height } = request;
  const name = request.sdUpscaleUpscaler || parts.defaultUpscaler(by);
  const large = yield* enlarged(request, name, parts);
  if (!large) return;
  const shared = Math.min(overlap, Math.min(width, height) >> 1);
  const axis = (total: number, tile: number) => ({
    ...tileAxis(total, { tile, overlap: shared, multiple: tile }),
    total,
  });
  const [columns, rows] = [axis(large.width, width), axis(large.height, height)];
  const weights = [tileWeights(columns, Math.max(shared, 1)), tileWeights(rows, Math.max(shared, 1))] as const;
  const seed = request.seed < 0 ? parts.drawSeed() : request.seed;
  const pictures = request.batchSize * request.batchCount;
  const tiles = columns.starts.length * rows.starts.length;
  for (let picture = 0; picture < pictures; picture++) {
    const joiner = new TileJoiner(large, height);
    let first: Extract<GenerateEvent, { type: 'image' }> | undefined;
    let tile = 0;
    for (const [j, top] of rows.starts.entries()) {
      joiner.row(top);
      for (const [i, left] of columns.starts.entries()) {
        const init = pictureOf(tilePlanes(large, left, top, { width, height }), { width, height });
        const own = {
          ...request,
          init,
          width,
          height,
          sdUpscale: 1,
          seed: seed + picture + tile,
          batchSize: 1,
          batchCount: 1,
        };
        let drawn = false;
        for await (const event of parts.draw(own)) {
          if (event.type === 'image') {
            joiner.add(planesOfPicture(toRgb(event.image)), left, weights[0][i]!, weights[1][j]!);
            first ??= event;
            drawn = true;
          } else yield* toldOf(event, { batch: picture * tiles + tile, batches: pictures * tiles });
        }
        if (!drawn || signal?.aborted) return;
        tile++;
      }
    }
    const entries: [string, string | number][] = [
      ['SD upscale by', by],
      ['SD upscale overlap', overlap],
      ['SD upscale upscaler', name],
    ];
    const infotext = `${first!.infotext.trimEnd()}, ${writeInfotext({ prompt: '', entries })}`;
    yield { ...first!, index: picture, image: joiner.finish(), seed: seed + picture, infotext };
  }
}

/** Of a tile: what is true of the whole. */
function* toldOf(
  event: Exclude<GenerateEvent, { type: 'image' }>,
  place: { batch: number; batches: number },
): Generator<GenerateEvent> {
  if (event.type === 'trace') return;
  // The time that is left of a tile is not that of the picture.
  if (event.type === 'step') yield { ...event, ...place, eta: undefined };
  else if (event.type === 'preview') yield { ...event, batch: place.batch };
  else yield event;
}

async function* enlarged(
  { init, sdUpscale: by }: GenerateRequest,
  upscaler: string,
  { upscalers, signal }: TiledUpscale,
): AsyncGenerator<GenerateEvent, PixelImage | undefined, undefined> {
  const to = { width: Math.round(init!.width * by), height: Math.round(init!.height * by) };
  checkUpscaledSize(to);
  const run = upscalers.upscale(init!, { upscaler, to, signal });
  let next = await run.next();
  for (; !next.done; next = await run.next()) if (next.value.type === 'loading') yield next.value;
  return next.value && toRgb(next.value);
}

/** Planes 0..1 [3, height, width] as RGB. */
function pictureOf(planes: Float32Array, size: PlaneSize): PixelImage {
  const cells = size.width * size.height;
  const data = Uint8Array.from({ length: 3 * cells }, (_, i) =>
    Math.round(planes[(i % 3) * cells + Math.floor(i / 3)]! * 255),
  );
  return { ...size, channels: 3, data };
}

/** RGB as planes 0..1 [3, height, width]. */
function planesOfPicture({ width, height, data }: PixelImage): Float32Array {
  const cells = width * height;
  return Float32Array.from({ length: 3 * cells }, (_, i) => data[3 * (i % cells) + Math.floor(i / cells)]! / 255);
}
