import sharp, { type Sharp } from 'sharp';

/** No picture takes as long; one that was made to is not worth more. */
const mostSeconds = 60;

/**
 * A picture that somebody trains on, in the trainer's or a reader's process: libvips refuses what has more than 268
 * million pixels, its default, and what is cut off, gives up what takes a minute, and passes over what it only warns
 * of (stray bytes between the parts of a JPEG, which every viewer shows).
 *
 * @param seconds whole; tests wait less long
 */
export function openPicture(file: string, seconds = mostSeconds): Sharp {
  return sharp(file, { failOn: 'error' }).timeout({ seconds });
}
