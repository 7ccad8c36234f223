/** browser: the page in a real Chromium, on a real server with the embedded model. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { chromiumPath, patience, type Served, serve, stop, useBrowser } from './served-page.ts';

/** The process that draws for a server. */
function engineOf({ child }: Served): number {
  const about = (pid: string, what: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${what}`, 'utf8');
    } catch {
      return '';
    }
  };
  const own = readdirSync('/proc').filter((pid) => about(pid, 'status').includes(`PPid:\t${child.pid}\n`));
  return Number(own.find((pid) => about(pid, 'cmdline').includes('engine-host')));
}

describe.skipIf(chromiumPath === undefined)('the page', { timeout: patience }, () => {
  const { newFolder, faults, open, openBeside, closePages } = useBrowser();
  let served: Served | undefined;
  afterEach(async () => {
    await closePages();
    await stop(served);
    served = undefined;
  }, patience);

  const generate = (page: Page) => page.getByRole('button', { name: /^(Generate(?! forever)|Add to queue)/ });
  const strip = (page: Page) => page.getByRole('region', { name: 'Latest pictures' }).getByRole('img');
  const setSteps = (page: Page, steps: number) =>
    page.getByRole('textbox', { name: 'Steps', exact: true }).fill(String(steps));

  /** `told`: the prompt that the picture tells, where styles have changed it. */
  async function draw(page: Page, prompt: string, steps = 2, told = prompt): Promise<void> {
    const box = page.getByRole('textbox', { name: 'Prompt', exact: true });
    await box.fill(prompt);
    await setSteps(page, steps);
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => strip(page).first().getAttribute('alt'), { timeout: 60_000 }).toBe(told);
  }

  /** What moved by itself, in a page opened afterwards: how far, and which elements. */
  const watchShifts = `globalThis.shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) {
        if (!hadRecentInput) shifts.push([value, ...sources.map(({ node }) => (node?.outerHTML ?? '').slice(0, 120))]);
      }
    }).observe({ type: 'layout-shift' });`;

  /** Bytes of scripts and styles of what is loaded from now on, as they are sent. */
  function weigh(page: Page): () => Promise<number> {
    const sizes: Promise<number>[] = [];
    page.on('requestfinished', (request) => {
      if (!/\/assets\//.test(request.url())) return;
      sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
    });
    return async () => (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  it('makes the first picture with one click, also on a phone, and moves nothing while previews arrive', async () => {
    const folder = newFolder();
    served = await serve(folder);
    const page = await open('about:blank');
    await page.addInitScript(watchShifts);
    await page.setViewportSize({ width: 390, height: 844 });
    const weight = weigh(page);
    await page.goto(served.url);
    await page.getByRole('heading', { name: 'Make your first picture' }).waitFor();
    const loaded = await weight();
    expect(loaded).toBeGreaterThan(20_000);
    expect(loaded, 'bytes of scripts and styles before the first picture').toBeLessThan(150_000);
    const example = page.getByRole('button', { name: 'a fox beside a tree at night' });
    const card = (await example.boundingBox())!;
    // Its picture is as high as the card is wide.
    expect(card.y + card.width, 'the first example, above the bar with the views').toBeLessThan(844 - 64);
    await page.setViewportSize({ width: 1280, height: 760 });
    await example.click();
    await strip(page).first().waitFor({ timeout: 120_000 });
    expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.png'))).toHaveLength(1);
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('an owl');
    await setSteps(page, 32);
    await generate(page).focus();
    await page.keyboard.press('Enter');
    const preview = page.getByRole('img', { name: 'Preview' });
    const number = async () => Number(/number=(\d+)/.exec((await preview.getAttribute('src'))!)![1]);
    await preview.waitFor();
    await page.evaluate('shifts.length = 0');
    await expect.poll(number, { timeout: 60_000 }).toBeGreaterThan(4);
    expect(await page.evaluate('shifts')).toEqual([]);
    await expect.poll(() => strip(page).first().getAttribute('alt'), { timeout: 60_000 }).toBe('an owl');
    // The strip takes the picture up; a tenth counts as good.
    const shifts = await page.evaluate<[number, ...string[]][]>('shifts');
    expect(
      shifts.reduce((sum, [value]) => sum + value, 0),
      JSON.stringify(shifts),
    ).toBeLessThan(0.01);
    expect(faults).toEqual([]);
  });

  it('keeps pictures at addresses of their own; delete goes on to the next, undo and the trash bring back', async () => {
    served = await serve(newFolder());
    const page = await open(served.url);
    await draw(page, 'a red car');
    await draw(page, 'an owl');
    const pictures = await strip(page).count();
    // What is said below the picture can be read, and its buttons can be pressed, in windows of any width.
    const below = page.getByRole('region', { name: 'At work' });
    for (const width of [861, 960, 1060, 360, 1280]) {
      await page.setViewportSize({ width, height: 760 });
      const said = (await below.getByText('an owl').last().boundingBox())!;
      expect(said.width, `the caption in a window of ${width}`).toBeGreaterThanOrEqual(160);
      for (const button of await below.getByRole('button').all()) {
        const box = (await button.boundingBox())!;
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width, `${await button.textContent()} in a window of ${width}`).toBeLessThanOrEqual(width);
      }
    }
    // Each picture of the row has a menu, by keys as by the other button of the mouse; the focus goes on beside.
    const row = page.getByRole('region', { name: 'Latest pictures' });
    const said = () => page.evaluate('document.activeElement?.getAttribute("aria-label")');
    await row.getByRole('button', { name: 'What to do with: a red car' }).focus();
    await page.keyboard.press('Enter');
    await row.getByRole('button', { name: 'Favourite: five stars' }).click();
    await row.getByRole('link', { name: 'a red car' }).click({ button: 'right' });
    await row.getByRole('button', { name: 'No favourite any more' }).waitFor();
    await row.getByRole('button', { name: 'Use the prompt' }).click();
    await expect.poll(() => page.getByRole('textbox', { name: 'Prompt', exact: true }).inputValue()).toBe('a red car');
    await row.getByRole('button', { name: 'What to do with: an owl' }).focus();
    await page.keyboard.press('Enter');
    await row.getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => strip(page).count()).toBe(pictures - 1);
    await expect.poll(said).toBe('What to do with: a red car');
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await expect.poll(() => strip(page).count()).toBe(pictures);

    await strip(page).first().click();
    await page.waitForURL(/\/gallery\/\w+/);
    await page.getByRole('textbox', { name: 'Add a tag' }).fill('bird');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove: bird' }).waitFor();
    await expect.poll(() => page.getByTestId('facts').textContent()).toMatch(/Steps\s*2/);
    const first = page.url();
    // A key that comes before the list of pictures has done its work once that is there.
    let letGo = (): void => {};
    const listed = new Promise<void>((resolve) => (letGo = resolve));
    await page.route(/\/api\/v1\/images\?/, async (route) => {
      await listed;
      await route.continue();
    });
    await page.reload();
    await page.getByRole('article', { name: 'Picture' }).getByRole('img', { name: 'an owl' }).waitFor();
    await page.keyboard.press('ArrowRight');
    letGo();
    await page.getByRole('article').getByRole('img', { name: 'a red car' }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.waitForURL(first);
    // The way back lies above the picture and can be pressed.
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.goto(`${new URL(served.url).origin}/gallery`);
    const grid = page.getByRole('region', { name: 'Gallery' }).getByRole('img');
    await expect.poll(() => grid.count()).toBe(pictures);

    await page
      .getByRole('region', { name: 'Gallery' })
      .getByRole('button')
      .first()
      .click({ modifiers: ['Control'] });
    await page.keyboard.press('Delete');
    await expect.poll(() => grid.count()).toBe(pictures - 1);
    await expect.poll(() => page.evaluate('document.activeElement?.dataset.at')).toBe('0');
    await page.getByRole('button', { name: 'Trash' }).click();
    await page.waitForURL(/trashed=true/);
    await expect.poll(() => grid.count()).toBe(1);
    await page
      .getByRole('region', { name: 'Gallery' })
      .getByRole('button')
      .first()
      .click({ modifiers: ['Control'] });
    await page.getByRole('button', { name: 'Restore' }).click();
    await page.getByText('The trash is empty.').waitFor();

    await page.goto(`${new URL(served.url).origin}/gallery`);
    for (const [filter, choice, found] of [
      ['Tag', 'bird', 'an owl'],
      ['Least rating', '5', 'a red car'],
    ] as const) {
      await page.getByRole('combobox', { name: filter }).selectOption(choice);
      await expect.poll(() => grid.evaluateAll((all) => all.map((each) => each.getAttribute('alt')))).toEqual([found]);
      await page.getByRole('combobox', { name: filter }).selectOption('');
      await expect.poll(() => grid.count()).toBe(pictures);
    }
    const owl = page.getByRole('region', { name: 'Gallery' }).getByRole('button', { name: 'an owl' }).first();
    await owl.click({ modifiers: ['Control'] });
    await page.getByText('Board', { exact: true }).click();
    await page.getByRole('textbox', { name: 'New board' }).fill('birds');
    await page.getByRole('button', { name: 'Make', exact: true }).click();
    await page.getByText('On the board birds now.').waitFor();
    await page.getByRole('combobox', { name: 'Board' }).selectOption('birds');
    await page.waitForURL(/board=/);
    await expect.poll(() => grid.count()).toBe(1);
    await page.getByText('Board', { exact: true }).click();
    await page.getByRole('button', { name: 'Take from this board' }).click();
    await expect.poll(() => grid.count()).toBe(0);

    await page.goto(`${new URL(served.url).origin}/gallery`);
    await owl.click({ modifiers: ['Control'] });
    await page.keyboard.press('Delete');
    await page.getByRole('button', { name: 'Trash' }).click();
    await page.getByRole('button', { name: 'Empty the trash' }).click();
    await page.getByRole('button', { name: 'Delete for good?' }).click();
    await page.getByText('1 picture removed for good.').waitFor();
    await page.getByText('The trash is empty.').waitFor();
    expect(faults).toEqual([]);
  });

  it('shows a running job after a reload and in a second tab, skips its batch, stops it after its step or at once', async () => {
    served = await serve(newFolder());
    const page = await open(served.url);
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a castle');
    await setSteps(page, 1000);
    await page.getByRole('textbox', { name: 'Pictures', exact: true }).fill('2');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('progressbar').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Interrupt' }).waitFor();
    const preview = page.getByRole('img', { name: 'Preview' });
    const width = () => preview.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    await expect.poll(width, { timeout: 60_000 }).toBeGreaterThan(0);
    const second = await openBeside(page, `${new URL(served.url).origin}/queue`);
    await second
      .getByRole('region', { name: 'Running' })
      .getByRole('listitem')
      .filter({ hasText: 'a castle' })
      .getByRole('progressbar')
      .waitFor();
    // What was skipped is kept as far as it has come, and the last batch has no next one.
    await page.getByRole('button', { name: 'Skip', exact: true }).click();
    await page.getByRole('region', { name: 'At work' }).getByText('Picture 2 of 2').waitFor();
    await strip(page).first().waitFor();
    expect(await page.getByRole('button', { name: 'Skip', exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Interrupt' }).click();
    await page.getByRole('progressbar').waitFor({ state: 'detached' });
    await second.getByText('Nothing runs and nothing waits.').waitFor();

    // A step that does not end.
    await page.keyboard.press('Control+Enter');
    await page.getByRole('progressbar').waitFor();
    process.kill(engineOf(served), 'SIGSTOP');
    await page.getByRole('button', { name: 'Interrupt' }).click();
    await page.getByRole('button', { name: 'Stop now' }).click();
    await page.getByRole('progressbar').waitFor({ state: 'detached' });
    await second.getByText('Nothing runs and nothing waits.').waitFor();
    expect(faults).toEqual([]);
  });

  it('keeps one draft a tab, from the first letter on and over reloads', async () => {
    served = await serve(newFolder());
    const page = await open(served.url);
    const prompt = (of: Page) => of.getByRole('textbox', { name: 'Prompt', exact: true });
    // At once, while the server still tells of models and pictures: the box stays, and the keys with it.
    await prompt(page).focus();
    await page.keyboard.type('from the first');
    // The models' answer changes what the form falls back to: the embedded one prefers a scale of its own.
    await page.getByRole('heading', { name: 'Make your first picture' }).waitFor();
    await page.getByText('darkroom-mini').first().waitFor({ state: 'attached' });
    expect(await page.evaluate('document.activeElement?.value')).toBe('from the first');
    await page.keyboard.type(' tab');
    const second = await openBeside(page, served.url);
    await prompt(second).fill('from the second tab');
    await page.reload();
    await expect.poll(() => prompt(page).inputValue()).toBe('from the first tab');
    await second.reload();
    await expect.poll(() => prompt(second).inputValue()).toBe('from the second tab');
  });

  it('works in eight tabs over one socket, and comes back by itself when the server does', async () => {
    const folder = newFolder();
    served = await serve(folder);
    const { origin, port } = new URL(served.url);
    const page = await open(served.url);
    const tabs = [page];
    for (let n = 0; n < 7; n++) tabs.push(await openBeside(page, origin));
    for (const tab of tabs) await generate(tab).waitFor();
    await draw(tabs[7]!, 'a boat');
    await expect.poll(() => strip(tabs[0]!).first().getAttribute('alt')).toBe('a boat');
    const listeners = async () =>
      /^darkroom_event_clients (\d+)/m.exec(await (await fetch(`${origin}/metrics`)).text())?.[1];
    await expect.poll(listeners, { timeout: 60_000 }).toBe('1');
    await tabs[0]!.close();
    await tabs[1]!.reload();
    const [, , last] = tabs as [Page, Page, Page];
    await last.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a castle');
    await setSteps(last, 1000);
    await last.keyboard.press('Control+Enter');
    await last.getByRole('progressbar').waitFor();
    await stop(served, 'SIGKILL');
    await last.getByText('Connection lost').waitFor();
    served = await serve(folder, '--port', port);
    await last.getByText('Connection lost').waitFor({ state: 'detached' });
    await expect.poll(listeners, { timeout: 60_000 }).toBe('1');
    // The job that ran is there again, in other tabs too, and can be stopped.
    await tabs[5]!.getByRole('progressbar').waitFor();
    await last.getByRole('button', { name: 'Interrupt' }).click();
    await tabs[5]!.getByRole('progressbar').waitFor({ state: 'detached' });
    await draw(last, 'a tree');
  });

  it('reorders the queue by keys', async () => {
    served = await serve(newFolder());
    const page = await open(`${new URL(served.url).origin}/queue`);
    await page.getByRole('button', { name: 'Pause the queue' }).click();
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    for (const prompt of ['first', 'second']) {
      await page.request.post(`${new URL(served.url).origin}/api/v1/jobs`, { data: { prompt, steps: 1 } });
    }
    // The hash of a model, which a new studio takes, may wait among them.
    const waiting = page.getByRole('region', { name: 'Waiting' }).getByRole('listitem');
    const rows = waiting.filter({ hasText: /^(first|second)/ });
    await expect.poll(() => rows.count()).toBe(2);
    await rows.nth(1).getByRole('button', { name: 'Earlier' }).focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => rows.first().textContent()).toMatch(/^second/);
    // The keys go on where the job went.
    await expect.poll(() => page.evaluate('document.activeElement?.closest("li")?.textContent')).toMatch(/^second/);
    await page.getByRole('button', { name: 'Cancel all' }).click();
    await page.getByText('Nothing runs and nothing waits.').waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
  });

  it('starts from a picture of the gallery', async () => {
    served = await serve(newFolder());
    const page = await open(served.url);
    await draw(page, 'a fox');
    await page.getByRole('button', { name: 'Start from it' }).click();
    await page.getByRole('region', { name: 'Start picture' }).getByRole('img').waitFor();
    const asked = page.waitForRequest((request) => request.url().endsWith('/jobs') && request.method() === 'POST');
    await draw(page, 'a fox at sunset');
    expect((await asked).postDataJSON()).toMatchObject({ init: expect.stringMatching(/^image:/) });

    // What is pasted is looked at when it comes; nothing that is there is lost by what cannot be read.
    const wide = await sharp({ create: { width: 5000, height: 40, channels: 3, background: '#345' } })
      .png()
      .toBuffer();
    const pasteFile = async (name: string, type: string, bytes: Buffer) =>
      await page.evaluate(`(() => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob('${bytes.toString('base64')}'), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], '${name}', { type: '${type}' }));
        document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      })()`);
    const pasteText = async (text: string) =>
      await page.evaluate(`(() => {
        const data = new DataTransfer();
        data.setData('text/plain', ${JSON.stringify(text)});
        document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
      })()`);
    const start = page.getByRole('region', { name: 'Start picture' }).getByRole('img');
    const before = await start.getAttribute('src');
    for (const [name, type] of [
      ['letter.txt', 'text/plain'],
      ['broken.png', 'image/png'],
    ] as const) {
      await pasteFile(name, type, Buffer.from('not a picture'));
      await page.getByRole('alert').getByText(`${name} is no picture that can be read here.`).waitFor();
      const choosing = page.waitForEvent('filechooser');
      await page.getByRole('alert').getByRole('button', { name: 'Another picture' }).click();
      await choosing;
    }
    expect(await start.getAttribute('src')).toBe(before);
    await pasteFile('wide.png', 'image/png', wide);
    await page.getByText('wide.png was made smaller, from 5000 × 40 to 4096 × 33 pixels.').waitFor();
    await expect.poll(() => start.getAttribute('src')).not.toBe(before);
    const prompt = page.getByRole('textbox', { name: 'Prompt', exact: true });
    await pasteText('an owl\nNegative prompt: rain\nSteps: 7, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 128x128');
    await page.getByRole('button', { name: 'Use these settings' }).click();
    await expect.poll(() => prompt.inputValue()).toBe('an owl');
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    await expect.poll(() => prompt.inputValue()).toBe('a fox at sunset');
    await pasteText('Negative prompt: \u0000\nSteps: , banana: Nope');
    await page.getByRole('button', { name: 'Use these settings' }).last().click();
    await page.getByRole('alert').getByText('No settings can be read from this text.').waitFor();
    expect(await prompt.inputValue()).toBe('a fox at sunset');
    expect(faults).toEqual([]);
  });

  it('shows how a picture came about, step by step', async () => {
    served = await serve(newFolder());
    const page = await open(`${new URL(served.url).origin}/?mode=steps`);
    const refused: string[] = [];
    page.on('response', (answer) => answer.status() >= 400 && refused.push(answer.url()));
    await draw(page, 'an owl', 2);
    await page.getByRole('button', { name: 'Draw the latest picture again, with its steps' }).click();
    const steps = page.getByRole('slider', { name: 'Step', exact: true });
    await expect.poll(() => steps.getAttribute('max'), { timeout: 60_000 }).toBe('2');
    await page.getByRole('checkbox', { name: /Keep every step/ }).check();
    await draw(page, 'a fox', 3);
    await expect.poll(() => steps.getAttribute('max')).toBe('3');
    expect(refused).toEqual([]);
    await page.getByRole('img', { name: 'What the network expects' }).waitFor();
    await steps.fill('0');
    await page.getByRole('img', { name: 'What the network expects' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'From picture to noise' }).click();
    await page.getByText(/signal to noise ∞/).waitFor();
    expect(faults).toEqual([]);
  });

  it('counts tokens and completes what is typed; presets keep the form', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, '.data', 'wildcards'), { recursive: true });
    writeFileSync(join(folder, '.data', 'wildcards', 'animals.txt'), 'fox\nowl\n');
    served = await serve(folder);
    const page = await open(served.url);
    const prompt = page.getByRole('textbox', { name: 'Prompt', exact: true });
    await prompt.pressSequentially('a red __ani');
    await page
      .getByRole('listbox', { name: 'Completions' })
      .getByRole('option', { name: /__animals__/ })
      .waitFor();
    await page.keyboard.press('Enter');
    await expect.poll(() => prompt.inputValue()).toBe('a red __animals__');
    await page.getByText(/^\d+\/75$/).waitFor();
    await prompt.fill('a red dragon');
    await page.getByText('This model does not know: dragon').waitFor();
    await prompt.fill('a red __animals__');
    await setSteps(page, 7);
    await page.getByText('Presets', { exact: true }).click();
    await page.getByRole('textbox', { name: 'Name of the preset' }).fill('quick');
    await page.getByRole('button', { name: 'Save' }).click();
    await prompt.fill('something else');
    await page.getByRole('button', { name: 'quick', exact: true }).click();
    await expect.poll(() => prompt.inputValue()).toBe('a red __animals__');
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    await expect.poll(() => prompt.inputValue()).toBe('something else');
    expect(faults).toEqual([]);
  });

  it('finds a setting among all, and sends the styles that are switched on', async () => {
    served = await serve(newFolder());
    const { origin } = new URL(served.url);
    const style = { method: 'PUT', headers: { 'content-type': 'application/json' } };
    const body = JSON.stringify({ prompt: '{prompt}, at night', negativePrompt: '' });
    expect((await fetch(`${origin}/api/v1/styles/dark`, { ...style, body })).status).toBeLessThan(300);
    const page = await open(served.url);
    await page.getByRole('button', { name: 'All settings' }).click();
    await page.getByRole('searchbox', { name: 'Find a setting' }).fill('styles');
    await expect.poll(() => page.getByRole('slider').count()).toBe(0);
    await page.getByRole('button', { name: 'dark', exact: true }).click();
    await page.getByRole('searchbox', { name: 'Find a setting' }).fill('');
    const asked = page.waitForRequest((request) => request.url().endsWith('/jobs') && request.method() === 'POST');
    await draw(page, 'a fox', 2, 'a fox, at night');
    expect((await asked).postDataJSON()).toMatchObject({ styles: ['dark'] });

    // Where a part of the prompt acts is drawn by dragging.
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a fox AND an owl');
    await page.getByRole('button', { name: 'an owl', exact: true }).click();
    const board = page.getByRole('img', { name: 'Drag to draw where the chosen part acts' });
    await board.scrollIntoViewIfNeeded();
    const box = (await board.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 4);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 1, box.y + box.height - 1, { steps: 4 });
    await page.mouse.up();
    const regions = page.getByRole('textbox', { name: 'Regions' });
    await expect.poll(() => regions.inputValue()).toBe('all; 0.5-1:0.25-1');
    // A unit of control takes the picture that is dropped on it and shows its hint.
    await page.getByRole('button', { name: 'Add a unit of control' }).click();
    const unit = page.getByRole('article', { name: 'Unit 1' });
    const fox = readFileSync('src/web/public/examples/fox.webp').toString('base64');
    const dropped = await page.evaluateHandle(
      `(() => { const data = new DataTransfer();
        const bytes = Uint8Array.from(atob('${fox}'), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], 'fox.webp', { type: 'image/webp' })); return data; })()`,
    );
    await unit
      .getByRole('region', { name: 'Picture of the unit' })
      .dispatchEvent('drop', { dataTransfer: dropped as never });
    await unit.getByRole('combobox', { name: 'What makes the hint' }).selectOption('canny');
    await unit.getByRole('button', { name: 'Show the hint' }).click();
    await unit.getByRole('img', { name: 'Hint' }).waitFor();
    expect(faults).toEqual([]);
  });

  it('shows a setting that only the server knows', async () => {
    served = await serve(newFolder());
    const page = await open('about:blank');
    await page.route('**/api/v1/families', async (route) => {
      const response = await route.fetch();
      const body = (await response.json()) as { request: { properties: Record<string, unknown> } };
      body.request.properties['sparkle'] = { type: 'number', minimum: 0, maximum: 2, default: 1, level: 'simple' };
      await route.fulfill({ response, json: body });
    });
    await page.goto(served.url);
    await page.getByRole('slider', { name: 'Sparkle' }).waitFor();
  });

  it('fits windows from a phone to a wall', async () => {
    served = await serve(newFolder());
    const page = await open(served.url);
    const widths = [360, 820, 861, 960, 1060, 1920, 2560];
    const { origin } = new URL(served.url);
    for (const view of [
      '/',
      '/?mode=canvas',
      '/?mode=compare',
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
      for (const width of widths) {
        await page.setViewportSize({ width, height: 760 });
        const beyond = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect(beyond, `${view} is wider than a window of ${width}`).toBeLessThanOrEqual(0);
      }
    }
    await page.goto(origin);
    for (const width of widths) {
      await page.setViewportSize({ width, height: 760 });
      const box = (await generate(page).boundingBox())!;
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
    }
  });

  it('repaints what is painted and leaves the rest', async () => {
    served = await serve(newFolder());
    const { origin } = new URL(served.url);
    const page = await open(served.url);
    await draw(page, 'a fox in the snow by day');
    await page.getByRole('button', { name: 'Start from it' }).click();
    await page.getByRole('button', { name: 'Canvas', exact: true }).click();
    const canvas = page.getByTestId('canvas');
    // The picture lies in the middle, as large as its window leaves room for.
    const box = (await canvas.boundingBox())!;
    const side = Math.min(box.width, box.height) - 72;
    const [left, top] = [box.x + (box.width - side) / 2, box.y + (box.height - side) / 2];
    await page.mouse.move(left + side * 0.25, top + 2);
    await page.mouse.down();
    await page.mouse.move(left + side * 0.25, top + side - 2, { steps: 8 });
    await page.mouse.up();
    // Nothing that was drawn is lost by a reload.
    await page.reload();
    await page.getByText(/Acts besides the prompt:.*Mask/).waitFor();
    await draw(page, 'a castle at night', 8);
    const { images } = (await (await fetch(`${origin}/api/v1/images?limit=2`)).json()) as { images: { url: string }[] };
    const pixels = await Promise.all(
      images.map(async ({ url }) => {
        const bytes = await (await fetch(origin + url)).arrayBuffer();
        return await sharp(Buffer.from(bytes)).removeAlpha().raw().toBuffer();
      }),
    );
    const [made, before] = pixels as [Buffer, Buffer];
    /** Mean difference of the columns from..to, of 255. */
    const difference = (from: number, to: number) => {
      let sum = 0;
      for (let at = 0; at < made.length; at++) {
        const column = Math.floor(at / 3) % 128;
        if (column >= from && column < to) sum += Math.abs(made[at]! - before[at]!);
      }
      return sum / (128 * (to - from) * 3);
    };
    expect(difference(26, 38)).toBeGreaterThan(10);
    expect(difference(64, 128)).toBe(0);
    await page.getByRole('button', { name: 'Accept' }).click();
    await page.getByText('The result is the start picture now.').waitFor();
    await page.getByRole('button', { name: 'Undo', exact: true }).last().click();
    await page.getByRole('button', { name: 'Discard' }).click();
    expect(faults).toEqual([]);
  });

  it('extends a picture by its handles, and draws a sketch into it', async () => {
    served = await serve(newFolder());
    const { origin } = new URL(served.url);
    const page = await open(served.url);
    await draw(page, 'a house in a field');
    await page.getByRole('button', { name: 'Start from it' }).click();
    await page.getByRole('button', { name: 'Canvas', exact: true }).click();
    const handle = page.getByRole('slider', { name: 'Extend to the right' });
    await handle.focus();
    for (let n = 0; n < 4; n++) await page.keyboard.press('ArrowRight');
    const added = Number(await handle.getAttribute('aria-valuenow'));
    expect(added).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Sketch', exact: true }).click();
    const box = (await page.getByTestId('canvas').boundingBox())!;
    await page.mouse.move(box.x + box.width / 2 - 40, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2 + 10, { steps: 4 });
    await page.mouse.up();
    const asked = page.waitForRequest((request) => request.url().endsWith('/jobs') && request.method() === 'POST');
    await draw(page, 'a house beside a tree', 4);
    const { init, mask } = (await asked).postDataJSON() as { init: string; mask: string };
    const sent = async (picture: string) =>
      await sharp(Buffer.from(picture.slice(picture.indexOf(',') + 1), 'base64'))
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
    const [start, masked] = [await sent(init), await sent(mask)];
    expect([start.info.width, start.info.height]).toEqual([128 + added, 128]);
    expect(masked.info.width).toBe(128 + added);
    const maskAt = (x: number, y: number) => masked.data[(y * masked.info.width + x) * 3]!;
    expect([maskAt(2, 64), maskAt(64, 64), maskAt(128 + added - 2, 64)]).toEqual([0, 0, 255]);
    const { images } = (await (await fetch(`${origin}/api/v1/images?limit=1`)).json()) as {
      images: { width: number }[];
    };
    expect(images[0]!.width).toBe(128 + added);
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByRole('slider', { name: 'Where the one ends and the other begins' }).waitFor();
    expect(faults).toEqual([]);
  });

  it('signs in by the address and forgets the token there, and asks where there is none', async () => {
    served = await serve(newFolder(), '--token', 'a-token-of-the-test');
    const address = new URL(served.url);
    expect(address.hash).toBe('#token=a-token-of-the-test');
    const page = await open(address.href);
    await generate(page).waitFor();
    expect(new URL(page.url()).hash).toBe('');

    const stranger = await open(address.origin);
    await stranger.getByLabel('Token').fill('something else');
    await stranger.getByRole('button', { name: 'Sign in' }).click();
    await stranger.getByRole('alert').waitFor();
    await stranger.getByLabel('Token').fill('a-token-of-the-test');
    await stranger.getByRole('button', { name: 'Sign in' }).click();
    await generate(stranger).waitFor();
    expect(faults).toEqual([]);
  });
});
