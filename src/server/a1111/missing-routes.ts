/** Routes of upstream whose part of the engine is not there yet: they say so, by name. */

import { z } from 'zod';
import { pictureMaxBody } from '../http/body.ts';
import { MissingFeatureError } from '../http/errors.ts';
import { type Method, type Route, route } from '../http/route.ts';

type Row = readonly [method: Method, path: string, what: string];

export const missingRows: readonly Row[] = [
  ['post', '/create/embedding', 'Creating embeddings over HTTP'],
  ['post', '/create/hypernetwork', 'Creating hypernetworks over HTTP'],
  ['post', '/train/embedding', 'Training embeddings over HTTP'],
  ['post', '/train/hypernetwork', 'Training hypernetworks over HTTP'],
  ['post', '/server-kill', 'Stopping the server over HTTP'],
  ['post', '/server-restart', 'Restarting the server over HTTP'],
  ['post', '/server-stop', 'Stopping the server over HTTP'],
];

export const missingControlNetRows: readonly Row[] = [
  ['post', '/render_openpose_json', 'Drawing poses from keypoints'],
];

export function missingRoutes(rows: readonly Row[], prefix: string): Route[] {
  return rows.map(([method, path, what]) =>
    route({
      method,
      path,
      operation: `${prefix}${path.replaceAll(/[/_-](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
      tag: 'Not there yet',
      role: 'viewer',
      summary: `${what}: answers 501.`,
      ...(method === 'get' ? {} : { body: z.unknown(), maxBody: pictureMaxBody }),
      answer: { description: 'Never.' },
      handle() {
        throw new MissingFeatureError(what);
      },
    }),
  );
}
