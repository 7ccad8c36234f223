/** browser: the Lab's tools, and a training from its pictures to the proof of its effect. */

import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, patience, repository, type Served, serve, stop, useBrowser } from './served-page.ts';

const examples = join(repository, 'src/web/public/examples');

describe.skipIf(chromiumPath === undefined)('work beside drawing', { timeout: patience }, () => {
  const { newFolder, faults, open } = useBrowser();
  let served: Served;
  let folder: string;
  beforeAll(async () => {
    folder = newFolder();
    mkdirSync(join(folder, 'models'));
    served = await serve(folder, '--models-dir', join(folder, 'models'));
  }, patience);
  afterAll(async () => await stop(served), patience);
  const address = (path: string) => new URL(path, served.url).href;

  it('enlarges a picture by a tool of the Lab, which says what is missing', async () => {
    const page = await open(address('/lab'));
    await page.getByRole('link', { name: /^Upscale/ }).click();
    const form = page.getByRole('form', { name: 'Upscale' });
    await form.getByRole('button', { name: 'Start' }).click();
    await form.getByRole('alert').waitFor();
    await form.getByLabel('Picture').setInputFiles(join(examples, 'fox.webp'));
    await form.getByRole('textbox', { name: 'Factor' }).fill('2');
    await form.getByRole('combobox', { name: 'Upscaler', exact: true }).selectOption('Lanczos');
    await form.getByRole('button', { name: 'Start' }).click();
    const made = page.getByRole('list', { name: 'Begun here' }).getByRole('img');
    await expect
      .poll(() => made.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth))
      .toBe(256);
    await made.click();
    await page.getByRole('link', { name: 'Upscale' }).click();
    await page.getByRole('form', { name: 'Upscale' }).getByRole('button', { name: 'Remove' }).waitFor();
    expect(faults).toEqual([]);
  });

  it('plots over an axis, begun from the draft, and keeps the grid', async () => {
    const page = await open(address('/'));
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a fox');
    await page.goto(address('/lab/plotPictures'));
    const form = page.getByRole('form', { name: 'X/Y/Z plot' });
    expect(await form.getByLabel('Prompt', { exact: true }).inputValue()).toBe('a fox');
    await form.getByRole('combobox', { name: 'X axis' }).selectOption('steps');
    await form.getByLabel('X values').fill('1,2');
    await form.getByRole('button', { name: 'Start' }).click();
    const made = page.getByRole('list', { name: 'Begun here' }).getByRole('img');
    await expect.poll(() => made.count(), { timeout: patience }).toBe(3);
    expect(faults).toEqual([]);
  });

  it('looks for models in a folder that is added, and keeps it in the configuration', async () => {
    const theirs = join(folder, 'webui', 'models');
    mkdirSync(join(theirs, 'embeddings'), { recursive: true });
    copyFileSync(
      join(repository, 'test/goldens/data/models/adapters/embeddings/goldpt.pt'),
      join(theirs, 'embeddings', 'theirs.pt'),
    );
    const page = await open(address('/models?get=1'));
    await page.getByRole('textbox', { name: 'Folder with models' }).fill(theirs);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('1 model in it.').waitFor();
    await page.goto(address('/models'));
    await page
      .getByRole('link', { name: /theirs/ })
      .first()
      .waitFor();
    expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))).toEqual({ 'models-dir': [theirs] });
    expect(faults).toEqual([]);
  });

  it('collects pictures, trains a LoRA on them, and shows that it works', async () => {
    const page = await open(address('/train'));
    await page.getByRole('textbox', { name: 'Name of a new set' }).fill('night animals');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'night animals' }).waitFor();
    const pictures = ['fox', 'owl'].map((name) => join(examples, `${name}.webp`));
    await page.locator('input[type=file]').setInputFiles(pictures);
    await page.getByText('2 pictures').waitFor();
    await page.getByText('Without a caption: 2').waitFor();
    for (const [box, text] of ['a fox at night', 'an owl at night'].entries()) {
      const field = page.getByRole('textbox', { name: /^Caption of/ }).nth(box);
      await field.fill(text);
      await field.blur();
      await page.getByRole('img', { name: text }).waitFor();
    }
    await expect.poll(() => page.getByText(/^Without a caption/).count()).toBe(0);
    await page.getByRole('link', { name: 'Train on it' }).click();
    const form = page.getByRole('form', { name: 'New training' });
    expect(await form.getByLabel('Pictures', { exact: true }).inputValue()).toBe('dataset:night animals');
    await form.getByLabel('Output name').fill('night-animals');
    await form.getByLabel('Max train steps').fill('4');
    await form.getByLabel('Learning rate', { exact: true }).fill('0.02');
    await form.getByRole('button', { name: 'Start training' }).click();
    await page.getByRole('link', { name: /^Proof of effect/ }).waitFor({ timeout: patience });
    const proof = await page.getByRole('link', { name: /^Proof of effect/ }).getAttribute('href');
    const report = await page.request.get(address(proof!));
    expect(report.status()).toBe(200);
    await page.goto(address('/models'));
    await page
      .getByRole('link', { name: /night-animals/ })
      .first()
      .waitFor();
    expect(faults).toEqual([]);
  });
});
