/** unit: the server knows every view's address. */

import { expect, it } from 'vitest';
import { pageViews } from '#api/page-views';
import { isPageView } from './static.ts';

it('answers at every address that the page has a view for, and at no other', () => {
  const shown = pageViews.map((view) => view.replaceAll(/:\w+/g, 'x'));
  expect(shown).toContain('/gallery/x');
  expect(shown.filter((path) => !isPageView(path))).toEqual([]);
  expect(['/nowhere', '/gallery/x/y', '/index'].filter(isPageView)).toEqual([]);
});
