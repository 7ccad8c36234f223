/**
 * A picture that someone brings: it is looked at when it comes, not when it is sent. What no browser reads is refused
 * there, and what is larger than any picture here can be is made as large as that.
 */

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface BroughtPicture {
  readonly picture: Blob;
  readonly from: Size;
  /** Smaller than `from` where it had to be. */
  readonly to: Size;
}

/** A request with such a file would be refused; no picture of a side that is taken needs as much. */
const mostBytes = 24 * 2 ** 20;
const quality = 0.95;

/**
 * @param maxSide longest side that is taken, in pixels
 * @returns undefined for what is no picture
 */
export async function broughtPicture(file: Blob, maxSide: number): Promise<BroughtPicture | undefined> {
  const image = await createImageBitmap(file).catch(() => undefined);
  if (!image) return undefined;
  try {
    const from = { width: image.width, height: image.height };
    const scale = Math.min(1, maxSide / Math.max(from.width, from.height));
    if (scale === 1 && file.size <= mostBytes) return { picture: file, from, to: from };
    const to = { width: Math.round(from.width * scale), height: Math.round(from.height * scale) };
    const canvas = new OffscreenCanvas(to.width, to.height);
    const surface = canvas.getContext('2d')!;
    surface.imageSmoothingQuality = 'high';
    surface.drawImage(image, 0, 0, to.width, to.height);
    return { picture: await canvas.convertToBlob({ type: 'image/webp', quality }), from, to };
  } catch {
    // Too large for the browser as well.
    return undefined;
  } finally {
    image.close();
  }
}

/** Undefined where nothing is chosen. To be called while a button is pressed. */
export function chooseFile(accept: string): Promise<File | undefined> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = accept;
    input.onchange = () => resolve(input.files?.[0]);
    input.oncancel = () => resolve(undefined);
    input.click();
  });
}
