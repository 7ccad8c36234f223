/** Addresses of the page's views: the page draws one for each, and the server answers a link to any with the page. */

export const pageViews = [
  '/',
  '/gallery',
  '/gallery/:id',
  '/models',
  '/models/:id',
  '/queue',
  '/train',
  '/train/:id',
  '/datasets/:name',
  '/lab',
  '/lab/:name',
  '/lab/experiments/:name',
  '/lab/runs/:id',
  '/settings',
] as const;

export type PageView = (typeof pageViews)[number];
