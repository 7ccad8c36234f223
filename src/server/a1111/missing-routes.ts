/** Routes of upstream that are not acted on here: each says why, and what does it instead. */

import { z } from 'zod';
import type { Method } from '#api/operation';
import { pictureMaxBody } from '../http/body.ts';
import { MissingFeatureError } from '../http/errors.ts';
import { type Route, route } from '../http/route.ts';

type Row = readonly [method: Method, path: string, what: string, why?: string];

const trained =
  'are not made by this route: POST /api/v1/trainings (darkroom train ti, darkroom train hypernet) makes one and trains it, with settings that this route has no names for.';
const stopped = 'is not done over HTTP: it is stopped where it was started, by Ctrl-C or its service.';
/** The part is not there yet. */
const absent = undefined;

export const missingRows: readonly Row[] = [
  ['post', '/create/embedding', 'Embeddings', trained],
  ['post', '/create/hypernetwork', 'Hypernetworks', trained],
  ['post', '/train/embedding', 'Embeddings', trained],
  ['post', '/train/hypernetwork', 'Hypernetworks', trained],
  ['post', '/server-kill', 'Stopping the server', stopped],
  ['post', '/server-restart', 'Restarting the server', stopped],
  ['post', '/server-stop', 'Stopping the server', stopped],
];

export const missingControlNetRows: readonly Row[] = [
  ['post', '/render_openpose_json', 'Drawing poses from keypoints', absent],
];

export function missingRoutes(rows: readonly Row[], prefix: string): Route[] {
  return rows.map(([method, path, what, why]) =>
    route({
      method,
      path,
      operation: `${prefix}${path.replaceAll(/[/_-](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
      tag: 'Not here',
      role: 'viewer',
      summary: `${what}: answers 501, with why.`,
      ...(method === 'get' ? {} : { body: z.unknown(), maxBody: pictureMaxBody }),
      answer: { description: 'Never.' },
      handle() {
        throw new MissingFeatureError(what, why);
      },
    }),
  );
}
