/** browser: every view against axe (WCAG 2.2 AA), by day and by night. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, patience, type Served, serve, stop, useBrowser } from './served-page.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

describe.skipIf(chromiumPath === undefined)('accessibility', { timeout: patience }, () => {
  const { newFolder, open, closePages } = useBrowser();
  let served: Served | undefined;
  let picture: string;
  beforeAll(async () => {
    served = await serve(newFolder());
    const { origin } = new URL(served.url);
    const body = JSON.stringify({ prompt: 'a fox', steps: 1 });
    const headers = { 'content-type': 'application/json' };
    await fetch(`${origin}/api/v1/generate`, { method: 'POST', headers, body });
    const page = (await (await fetch(`${origin}/api/v1/images`)).json()) as { images: { id: string }[] };
    picture = `/gallery/${page.images[0]!.id}`;
  }, patience);
  afterEach(closePages, patience);
  afterAll(async () => await stop(served), patience);

  // By night only the colours are others.
  it.each([
    ['light', '["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]'],
    ['dark', '{ type: "rule", values: ["color-contrast", "link-in-text-block"] }'],
  ] as const)('has no fault that axe finds, %s', async (colorScheme, rules) => {
    const page = await open(served!.url, { colorScheme });
    const { origin } = new URL(served!.url);
    for (const view of [
      '/',
      '/?mode=canvas',
      '/?mode=compare',
      '/?mode=steps',
      picture,
      '/gallery',
      '/models',
      '/models?get=1',
      '/queue',
      '/train',
      '/lab',
      '/lab/upscale',
      '/settings',
    ]) {
      await page.goto(origin + view);
      await page.getByRole('main').locator('a, button').first().waitFor();
      // Not as a script element: the page's policy forbids those.
      await page.evaluate(axe);
      const found = await page.evaluate<AxeResult>(`axe.run({ runOnly: ${rules} })`);
      const faults = found.violations.map(({ id, nodes }) => `${view} ${id}: ${nodes[0]!.html.slice(0, 120)}`);
      expect(faults).toEqual([]);
    }
  });
});
