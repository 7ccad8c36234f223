/** A picture as a text in a request. */

import { z } from 'zod';

export const pictureText = z
  .string()
  .min(1)
  .describe('Base64, a data: address, `image:ID` for a picture of the gallery, or an http(s) address.')
  .meta({ contentEncoding: 'base64', control: 'image' });
