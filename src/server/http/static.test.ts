/** unit: the server knows the addresses of the page's views, so that links to them open. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isPageView } from './static.ts';

it('answers at every address that the page has a view for, and at no other', () => {
  const app = readFileSync(new URL('../../web/shell/app.tsx', import.meta.url), 'utf8');
  const routes = [...app.matchAll(/<Route path="(\/[^"]*)"/g)].map(([, path]) => path!);
  expect(routes).toContain('/gallery/:id');
  expect(routes.filter((path) => !isPageView(path.replaceAll(/:\w+/g, 'x')))).toEqual([]);
  expect(isPageView('/nowhere')).toBe(false);
});
