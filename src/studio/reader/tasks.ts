/**
 * Everything that reads files which users bring, and that could take long or much. It runs in the reader's process
 * (`main.ts`), so that a hostile file costs that process and nothing else.
 */

import type { DecodeOrder } from '../images/decode-file.ts';
import type { InspectOrder } from '../library/inspect.ts';
import type { DrawOrder } from '../prompts/draw.ts';
import type { SheetOrder } from '../prompts/prompt-files.ts';
import type { PictureChange } from '../training/data/change-picture.ts';
import type { CaptionOrder } from '../work/caption-picture.ts';
import type { HintOrder } from '../work/make-hint.ts';
import type { InputOrder } from '../work/prepare-inputs.ts';
import type { BodyOrder } from './read-body.ts';

/** @param tell how many bytes have been read */
export type Task<Input = unknown> = (input: Input, tell: (bytes: number) => void) => Promise<unknown>;

export interface PublishedOrder {
  readonly family: string;
  /** Pixels of a square picture; the family's own size when left out. */
  readonly side?: number | undefined;
}

/** Each loads what it needs when it is first asked. */
export const readerTasks = {
  describe: async (path: string) => await (await import('../library/describe.ts')).describeModel(path),
  async inspect(order: InspectOrder, tell: (bytes: number) => void) {
    return await (await import('../library/inspect.ts')).inspectFile(order, tell);
  },
  metadata: async (path: string) => await (await import('../library/describe.ts')).readMetadata(path),
  thumbnail: async (path: string) => await (await import('../library/describe.ts')).readThumbnail(path),
  async hash(path: string, tell: (bytes: number) => void) {
    const { hashModel } = await import('../library/hash.ts');
    return await hashModel(path, tell);
  },
  picture: async (path: string) => await (await import('../gallery/picture-file.ts')).readPictureFile(path),
  /** Sizes and settings that a checkpoint takes. */
  async limits(path: string) {
    const { loadCheckpoint } = await import('#models/load');
    const { nodeModelFiles } = await import('../files/model-files.ts');
    const { parts } = await loadCheckpoint(nodeModelFiles, path);
    return { ...parts.limits, prediction: parts.prediction };
  },
  /** What a family's published model takes. */
  async published({ family: id, side }: PublishedOrder) {
    const { families } = await import('#models/families');
    const { publishedMemory } = await import('#pipelines/memory/published');
    const family = families.find((each) => each.id === id);
    return family && publishedMemory(family, side);
  },
  pictureTexts: async (path: string) => await (await import('../images/picture-texts.ts')).readPictureTexts(path),
  /** Type, size and channels of an upload. */
  async header(path: string) {
    const { readImageHeader } = await import('../images/codec.ts');
    const { readPlainFile } = await import('../files/plain-file.ts');
    return await readImageHeader(await readPlainFile(path));
  },
  decode: async (order: DecodeOrder) => await (await import('../images/decode-file.ts')).decodeFile(order),
  infotext: async (text: string) => (await import('#pipelines/settings/infotext-reading')).readInfotext(text),
  body: async (order: BodyOrder) => await (await import('./read-body.ts')).readBody(order),
  draw: async (order: DrawOrder) => await (await import('../prompts/draw.ts')).drawPrompts(order),
  styleSheet: async (order: SheetOrder) => await (await import('../prompts/prompt-files.ts')).readStyleSheet(order),
  async measurePrompt({ text, known }: { readonly text: string; readonly known?: readonly string[] }) {
    return (await import('../prompts/measure.ts')).measuredPrompt(text, known);
  },
  /** Size and look of a picture to train on. */
  scanPicture: async (path: string) => await (await import('../training/data/scan.ts')).scanPicture(path),
  changePicture: async (order: PictureChange) =>
    await (await import('../training/data/change-picture.ts')).changePicture(order),
  inputs: async (order: InputOrder) => await (await import('../work/prepare-inputs.ts')).prepareInputs(order),
  caption: async (order: CaptionOrder) => await (await import('../work/caption-picture.ts')).captionOf(order),
  hint: async (order: HintOrder) => await (await import('../work/make-hint.ts')).hintPicture(order),
} satisfies Record<string, Task<never>>;

export type ReaderTasks = typeof readerTasks;
export type TaskName = keyof ReaderTasks;
export type TaskInput<N extends TaskName> = Parameters<ReaderTasks[N]>[0];
export type TaskResult<N extends TaskName> = Awaited<ReturnType<ReaderTasks[N]>>;
