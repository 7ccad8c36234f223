/** browser: every view against axe (WCAG 2.2 AA), by day and by night, and by hand what axe cannot see. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { axeFaults } from './axe.ts';
import { chromiumPath, patience, repository, type Served, serve, stop, useBrowser } from './served-page.ts';

const fox = readFileSync(join(repository, 'src/web/public/examples/fox.webp'));

describe.skipIf(chromiumPath === undefined)('accessibility', { timeout: patience }, () => {
  const { newFolder, open, closePages } = useBrowser();
  let served: Served | undefined;
  let origin: string;
  let picture: string;
  let model: string;
  let run: string;

  async function post(path: string, body: unknown): Promise<{ readonly id: string }> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${origin}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(response.status, path).toBeLessThan(300);
    return response.headers.get('content-type')!.includes('json')
      ? ((await response.json()) as { id: string })
      : { id: '' };
  }

  beforeAll(async () => {
    served = await serve(newFolder());
    origin = new URL(served.url).origin;
    await post('/generate', { prompt: 'a fox', steps: 1, keepSteps: true });
    const page = (await (await fetch(`${origin}/api/v1/images`)).json()) as { images: { id: string }[] };
    picture = `/gallery/${page.images[0]!.id}`;
    const { models } = (await (await fetch(`${origin}/api/v1/models`)).json()) as { models: { id: string }[] };
    model = `/models/${models[0]!.id}`;
    await post('/datasets', { name: 'foxes' });
    const pictures = [`data:image/webp;base64,${fox.toString('base64')}`];
    await post('/datasets/foxes/pictures', { pictures, caption: 'a fox' });
    await post('/queue/pause', {});
    run = `/lab/runs/${(await post('/lab/runs', { run: { experiment: 'lenet' } })).id}`;
  }, patience);
  afterEach(closePages, patience);
  afterAll(async () => await stop(served), patience);

  async function show(page: Page, view: string): Promise<void> {
    await page.goto(origin + view);
    await page.getByRole('main').locator('a, button').first().waitFor();
  }

  it('has no fault that axe finds, and stays within its window however large the letters', async () => {
    const page = await open(served!.url);
    const browser = await page.context().newCDPSession(page);
    const beyond = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    // What a run has found is small print in tables; a true one takes long.
    await page.route(`**/api/v1${run}`, async (route) => {
      const response = await route.fetch();
      const found = {
        tables: [
          {
            title: 'Errors',
            rows: [
              ['network', 'errors'],
              ['lenet-5', '1.1%'],
            ],
          },
        ],
        files: [],
      };
      await route.fulfill({ response, json: { ...((await response.json()) as object), ...found } });
    });
    for (const view of [
      '/',
      '/?mode=canvas',
      '/?mode=compare',
      '/?mode=steps',
      picture,
      '/gallery',
      '/models',
      '/models?get=1',
      model,
      '/queue',
      '/train',
      '/datasets/foxes',
      '/lab',
      '/lab/upscale',
      '/lab/plotPictures',
      '/lab/experiments/lenet',
      run,
      '/settings',
    ]) {
      await show(page, view);
      if (view === run) await page.getByRole('table').waitFor();
      expect(await axeFaults(page, view)).toEqual([]);
      for (const width of [360, 820, 1280]) {
        await page.setViewportSize({ width, height: 760 });
        await browser.send('Page.setFontSizes', { fontSizes: { standard: 32 } });
        expect(await page.evaluate(beyond), `${view} in a window of ${width}`).toBeLessThanOrEqual(0);
      }
      await browser.send('Page.setFontSizes', { fontSizes: { standard: 16 } });
    }
    await page.route('**/api/v1/status', (route) => route.fulfill({ status: 401, json: {} }));
    await page.goto(origin);
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await axeFaults(page, 'sign-in')).toEqual([]);
  });

  it('shows by shapes and grounds what colours tell, in colours of the reader’s own', async () => {
    const page = await open(served!.url, { forcedColors: 'active' });
    await page.getByRole('img', { name: 'a fox' }).first().waitFor();
    const grounds = await page.evaluate<{
      readonly icons: string[][];
      readonly chosen: string[];
      readonly other: string[];
    }>(`(() => {
      const shown = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
      const ground = (element) => getComputedStyle(element).backgroundColor;
      const behind = (element) => {
        for (let at = element.parentElement; at; at = at.parentElement) {
          if (!ground(at).endsWith(', 0)')) return ground(at);
        }
        return ground(document.documentElement);
      };
      return {
        icons: shown('[class*="i-lucide-"]').map((icon) => [ground(icon), behind(icon)]),
        chosen: shown('[aria-pressed="true"], [aria-current="page"]').map(ground),
        other: shown('[aria-pressed="false"]').map(ground),
      };
    })()`);
    expect(grounds.icons.length).toBeGreaterThan(10);
    for (const [icon, behind] of grounds.icons) expect(icon).not.toBe(behind);
    expect(grounds.chosen.length).toBeGreaterThan(2);
    for (const ground of grounds.chosen) expect(grounds.other).not.toContain(ground);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  });

  it('moves nothing for those who want it still', async () => {
    const page = await open('about:blank', { reducedMotion: 'reduce' });
    // The light of a page that waits breathes.
    await page.route('**/api/v1/status', (route) => route.abort());
    await page.goto(origin);
    await page.getByRole('status').waitFor();
    const moving = 'document.getAnimations().length';
    expect(await page.evaluate(moving)).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    await expect.poll(() => page.evaluate(moving)).toBeGreaterThan(0);
  });

  it('grows with the browser’s size of letters', async () => {
    const page = await open(served!.url);
    const size = 'parseFloat(getComputedStyle(document.querySelector("label, button[type=submit]")).fontSize)';
    await page.getByRole('button', { name: /^(Generate(?! forever)|Add to queue)/ }).waitFor();
    const before = await page.evaluate<number>(size);
    const browser = await page.context().newCDPSession(page);
    await browser.send('Page.setFontSizes', { fontSizes: { standard: 32 } });
    expect(await page.evaluate<number>(size)).toBeCloseTo(2 * before, 0);
  });

  it('says what happened above a picture that has the whole screen', async () => {
    const page = await open(origin + picture);
    await page.getByRole('button', { name: 'Full screen' }).click();
    await expect.poll(() => page.evaluate('document.fullscreenElement !== null')).toBe(true);
    await page.keyboard.press('Delete');
    const undo = page.getByRole('button', { name: 'Undo' });
    await undo.click();
    await expect.poll(() => undo.count()).toBe(0);
  });
});
