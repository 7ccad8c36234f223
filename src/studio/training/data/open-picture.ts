import sharp, { type Sharp } from 'sharp';

/** No picture takes as long; one that was made to is not worth more. */
const mostSeconds = 60;

/**
 * A picture that somebody trains on, in the trainer's own process: libvips refuses what has more than 268 million
 * pixels, its default, and gives up what takes a minute.
 *
 * @param seconds whole; tests wait less long
 */
export function openPicture(file: string, seconds = mostSeconds): Sharp {
  return sharp(file).timeout({ seconds });
}
