/**
 * Buckets of aspect ratios: sizes of about one area, and which a picture goes to. Source: kohya's sd-scripts
 * (library/model_util.py `make_bucket_resolutions`, library/train_util.py `BucketManager`).
 */

/** Pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

export interface BucketOptions {
  /** Its area is no bucket's smaller. */
  readonly size: PictureSize;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly noUpscale: boolean;
}

/** Every size, by width and then height. */
export function bucketSizes({ size, min, max, step }: Omit<BucketOptions, 'noUpscale'>): PictureSize[] {
  const area = size.width * size.height;
  const found = new Map<string, PictureSize>();
  const put = (width: number, height: number) => found.set(`${width}x${height}`, { width, height });
  const square = Math.floor(Math.sqrt(area) / step) * step;
  put(square, square);
  for (let width = min; width <= max; width += step) {
    const height = Math.min(max, Math.floor(area / width / step) * step);
    if (height < min) continue;
    put(width, height);
    put(height, width);
  }
  return [...found.values()].sort((a, b) => a.width - b.width || a.height - b.height);
}

/** The size that a picture is brought to: scaled to cover it, then cropped. */
export function bucketOf(picture: PictureSize, sizes: readonly PictureSize[], options: BucketOptions): PictureSize {
  if (options.noUpscale) return shrunken(picture, options);
  const ratio = picture.width / picture.height;
  const exact = sizes.find(({ width, height }) => width === picture.width && height === picture.height);
  if (exact) return exact;
  const error = ({ width, height }: PictureSize): number => Math.abs(width / height - ratio);
  return sizes.reduce((best, size) => (error(size) < error(best) ? size : best));
}

/** As large as the picture is, within the area, in whole steps. */
function shrunken({ width, height }: PictureSize, { size, step }: BucketOptions): PictureSize {
  const scale = Math.min(1, Math.sqrt((size.width * size.height) / (width * height)));
  const side = (length: number): number => Math.max(step, Math.floor((length * scale + 1e-6) / step) * step);
  return { width: side(width), height: side(height) };
}
