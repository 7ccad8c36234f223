import sharp, { type Sharp } from 'sharp';

/** No picture takes as long; one that was made to is not worth more. */
const seconds = 60;

/**
 * A picture that somebody trains on, in the trainer's own process: libvips refuses what has more than 268 million
 * pixels, its default, and gives up what takes a minute.
 */
export function openPicture(file: string): Sharp {
  return sharp(file).timeout({ seconds });
}
