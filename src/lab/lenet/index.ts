/** The networks that read digits. */

import { modernLenet } from './modern.ts';
import type { DigitNetwork } from './network.ts';
import { publishedLenet } from './published.ts';

export const networks: readonly DigitNetwork[] = [publishedLenet, modernLenet];
