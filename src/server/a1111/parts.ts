/** What A1111's routes share. */

import type { Studio } from '#studio/studio';
import type { PictureSources } from '../pictures.ts';
import type { OptionStore } from './options.ts';

export interface A1111Parts {
  readonly studio: Studio;
  readonly pictures: PictureSources;
  readonly options: OptionStore;
  readonly version: string;
}
