/** The page's policy forbids code from text; zod would otherwise try whether it may, and the browser report it. */

import { config } from 'zod';

config({ jitless: true });
