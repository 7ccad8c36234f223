/** Every route of A1111's API, by its base path. */

import type { RouteGroup } from '../openapi/document.ts';
import { controlNetRoutes } from './controlnet-routes.ts';
import { extrasRoutes } from './extras-routes.ts';
import { generationRoutes } from './generation-routes.ts';
import { listRoutes } from './list-routes.ts';
import { missingControlNetRows, missingRoutes, missingRows } from './missing-routes.ts';
import type { A1111Parts } from './parts.ts';
import { internalRoutes, progressRoutes } from './progress-routes.ts';

export function a1111Groups(parts: A1111Parts): RouteGroup[] {
  return [
    {
      base: '/sdapi/v1',
      routes: [
        ...generationRoutes(parts),
        ...progressRoutes(parts),
        ...extrasRoutes(parts),
        ...listRoutes(parts),
        ...missingRoutes(missingRows, 'a1111'),
      ],
    },
    { base: '/internal', routes: internalRoutes(parts) },
    {
      base: '/controlnet',
      routes: [...controlNetRoutes(parts), ...missingRoutes(missingControlNetRows, 'controlnet')],
    },
  ];
}
