/** browser: downloads, the Lab's tools, a training from its pictures to the proof of its effect, and an upgrade. */

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { smallestModel } from '../fixtures/smallest-model.ts';
import { TestHub } from '../fixtures/test-hub.ts';
import { axeFaults } from './axe.ts';
import { chromiumPath, patience, repository, type Served, serve, stop, useBrowser } from './served-page.ts';

const gold = join(repository, 'test/goldens/data/models/adapters/embeddings/goldpt.pt');
const examples = join(repository, 'src/web/public/examples');

describe.skipIf(chromiumPath === undefined)('work beside drawing', { timeout: patience }, () => {
  const { newFolder, faults, open, closePages } = useBrowser();
  let served: Served;
  let folder: string;
  let hub: TestHub;
  beforeAll(async () => {
    folder = newFolder();
    mkdirSync(join(folder, 'models', 'Lora'), { recursive: true });
    copyFileSync(
      join(repository, 'examples/loras/mini-woodcut.safetensors'),
      join(folder, 'models/Lora/mini-woodcut.safetensors'),
    );
    hub = await TestHub.start();
    vi.stubEnv('DARKROOM_PRIVATE_HOSTS', '127.0.0.1');
    served = await serve(folder, '--models-dir', join(folder, 'models'));
    vi.unstubAllEnvs();
  }, patience);
  afterEach(closePages, patience);
  afterAll(async () => {
    await stop(served);
    await hub?.stop();
  }, patience);
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
    await page.getByText('Send to the Lab').click();
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

  it('draws with a LoRA that completion offers and with hires fix; the file, read again, recalls both', async () => {
    const page = await open(address('/'));
    const prompt = page.getByRole('textbox', { name: 'Prompt', exact: true });
    await prompt.fill('');
    await prompt.pressSequentially('a fox <lora:woo');
    await page
      .getByRole('listbox', { name: 'Completions' })
      .getByRole('option', { name: /woodcut/ })
      .waitFor();
    await page.keyboard.press('Enter');
    await expect.poll(() => prompt.inputValue()).toBe('a fox <lora:mini-woodcut:1>');
    await page.getByRole('textbox', { name: 'Steps', exact: true }).fill('2');
    await page.getByRole('checkbox', { name: /^Hires fix/ }).check();
    await page.keyboard.press('Control+Enter');
    const made = page.getByRole('region', { name: 'At work' }).getByRole('img', { name: /mini-woodcut/ });
    const width = () => made.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    await expect.poll(width, { timeout: patience }).toBe(256);
    const { images } = (await (await fetch(address('/api/v1/images?limit=1'))).json()) as {
      images: { infotext: string; url: string }[];
    };
    expect(images[0]!.infotext).toMatch(/Lora hashes: "mini-woodcut: [0-9a-f]{12}"/);
    const bytes = Buffer.from(await (await fetch(address(images[0]!.url))).arrayBuffer());
    await prompt.fill('something else');
    await page.goto(address('/gallery'));
    await page.getByLabel('Read a picture').setInputFiles({ name: 'back.png', mimeType: 'image/png', buffer: bytes });
    await page.getByRole('button', { name: 'Use these settings' }).click();
    await expect.poll(() => prompt.inputValue()).toBe('a fox <lora:mini-woodcut:1>');
    const hires = page.getByRole('checkbox', { name: /^Hires fix/ });
    expect(await hires.isChecked()).toBe(true);
    await hires.uncheck();
    await prompt.fill('an owl <lora:nowhere:1>');
    await page.keyboard.press('Control+Enter');
    await page
      .getByRole('region', { name: 'What was not done as asked' })
      .getByText(/nowhere/)
      .waitFor();
    expect(faults).toEqual([]);
  });

  it('downloads a model from a hub, with pause and resume', async () => {
    hub.serve('/files/gold.pt', { body: readFileSync(gold), stallAfter: 100 });
    const page = await open(address('/models?get=1'));
    await page.getByRole('textbox', { name: /^owner\/name on Hugging Face/ }).fill(`${hub.url}/files/gold.pt`);
    await page.getByRole('button', { name: 'Download' }).first().click();
    const row = page.getByRole('region', { name: 'Downloads' }).getByRole('listitem').filter({ hasText: 'gold.pt' });
    await row.getByRole('progressbar').waitFor();
    // Once it waits for the rest, which does not come.
    const begun = () => hub.seen.some(({ path, range }) => path === '/files/gold.pt' && range !== 'bytes=0-0');
    await expect.poll(begun).toBe(true);
    await row.getByRole('button', { name: 'Pause' }).click();
    await row.getByRole('button', { name: 'Resume' }).click();
    await row.getByText(/^done/).waitFor();
    await page.goto(address('/models'));
    await page.getByRole('link', { name: /gold/ }).first().waitFor();
    expect(readFileSync(join(folder, 'models/embeddings/gold.pt'))).toEqual(readFileSync(gold));
    expect(faults).toEqual([]);
  });

  it('merges, converts and extracts by forms, whose results are models', async () => {
    const checkpoints = join(folder, 'models', 'Stable-diffusion');
    mkdirSync(checkpoints, { recursive: true });
    const plain = Buffer.concat(smallestModel());
    const tuned = Buffer.from(plain);
    // Other fractions of 16-bit weights.
    for (let at = tuned.length - 20_000; at < tuned.length; at += 2) tuned[at]! ^= 0x7f;
    writeFileSync(join(checkpoints, 'plain.safetensors'), plain);
    writeFileSync(join(checkpoints, 'tuned.safetensors'), tuned);
    const page = await open(address('/models'));
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByRole('link', { name: /tuned/ }).first().waitFor();
    const begin = async (tool: string, title: string, choices: Readonly<Record<string, string>>, name: string) => {
      await page.goto(address(`/lab/${tool}`));
      const form = page.getByRole('form', { name: title });
      for (const [label, choice] of Object.entries(choices)) {
        await form.getByRole('combobox', { name: label, exact: true }).selectOption(choice);
      }
      await form.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
      await form.getByRole('button', { name: 'Start' }).click();
      const begun = page.getByRole('list', { name: 'Begun here' }).getByRole('listitem').filter({ hasText: name });
      await begun.getByText('done', { exact: true }).waitFor();
      await begun.getByText(/^Written: /).waitFor();
    };
    await begin('mergeModels', 'Merge', { 'Checkpoint A': 'plain', 'Checkpoint B': 'tuned' }, 'mixed');
    await begin('convertModel', 'Convert', { Model: 'mixed', Type: 'f32' }, 'mixed-f32.safetensors');
    await begin('extractLora', 'Extract a LoRA', { 'Tuned checkpoint': 'tuned', 'Base checkpoint': 'plain' }, 'change');
    await page.goto(address('/models'));
    for (const name of ['mixed', 'mixed-f32', 'change']) {
      await page
        .getByRole('link', { name: new RegExp(`^${name}\\b`) })
        .first()
        .waitFor();
    }
    // With which VAE a model draws is kept with it.
    await page
      .getByRole('link', { name: /^mixed\b/ })
      .first()
      .click();
    await page.getByRole('combobox', { name: 'VAE it draws with' }).selectOption('Its own');
    const vaes = async () => {
      const { models } = (await (await fetch(address('/api/v1/models'))).json()) as {
        models: { name: string; card: { vae?: string } }[];
      };
      return models.find(({ name }) => name.endsWith('mixed'))?.card.vae;
    };
    await expect.poll(vaes).toBe('None');
    expect(faults).toEqual([]);
  });

  it('loads itself anew when the server has another build, once, and says when a view does not come', async () => {
    const page = await open('about:blank');
    let loads = 0;
    page.on('load', () => loads++);
    let [gone, upgraded] = [false, true];
    await page.route('**/assets/*.js', (route) => (gone ? route.fulfill({ status: 404 }) : route.fallback()));
    // The page that asks which build there is now; loading itself anew it gets the whole one.
    await page.route(address('/'), async (route) => {
      if (route.request().resourceType() !== 'fetch' || !upgraded) return await route.fallback();
      gone = false;
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace('/assets/index-', '/assets/index-next-') });
    });
    await page.goto(address('/'));
    const prompt = page.getByRole('textbox', { name: 'Prompt', exact: true });
    await prompt.fill('kept over an upgrade');
    loads = 0;
    gone = true;
    await page.getByRole('link', { name: 'Gallery' }).first().click();
    await page.getByRole('heading', { name: 'Gallery' }).waitFor();
    expect([loads, new URL(page.url()).pathname]).toEqual([1, '/gallery']);
    // The same build, and a file that does not come: nothing that loading itself again would help.
    [gone, upgraded] = [true, false];
    await page.getByRole('link', { name: 'Models' }).first().click();
    await page.getByRole('alert').getByText('This part of the page could not be loaded.').waitFor();
    gone = false;
    await page.getByRole('button', { name: 'Load the page again' }).click();
    await page.getByRole('heading', { name: 'Models' }).waitFor();
    expect([loads, new URL(page.url()).pathname]).toEqual([2, '/models']);
    // Another build each time it is asked for is no reason to go round and round.
    [gone, upgraded] = [true, true];
    await page.getByRole('link', { name: 'Queue' }).first().click();
    await page.getByRole('alert').waitFor();
    await page.getByRole('link', { name: 'Create' }).first().click();
    await expect.poll(() => prompt.inputValue()).toBe('kept over an upgrade');
    expect(loads).toBe(2);
  });

  it('says that the server failed, not that it is gone', async () => {
    const page = await open(address('/'));
    await page.route('**/api/v1/jobs', (route) => route.fulfill({ status: 500, body: 'Internal Server Error' }));
    await page.getByRole('button', { name: /^Generate(?! forever)/ }).click();
    await page.getByRole('alert').getByText('The server answered 500; its log says why.').waitFor();
    expect(await page.getByText(/does not answer/).count()).toBe(0);
    await page.route('**/api/v1/jobs', (route) => route.abort());
    await page.getByRole('button', { name: /^Generate(?! forever)/ }).click();
    await page
      .getByRole('alert')
      .getByText(/Darkroom does not answer/)
      .waitFor();
  });

  it('looks into a model file that is brought, which stays where it is', async () => {
    const page = await open(address('/models'));
    const bring = page.getByLabel('Look into a file');
    await bring.setInputFiles(join(repository, 'examples/loras/mini-woodcut.safetensors'));
    const found = page.getByRole('region', { name: 'A model file that was brought' });
    await found.getByText('mini-woodcut.safetensors').waitFor();
    await found.getByText('ss_network_dim').waitFor();
    await bring.setInputFiles({ name: 'letter.ckpt', mimeType: 'text/plain', buffer: Buffer.from('not a model') });
    await found
      .getByText(/letter\.ckpt/)
      .first()
      .waitFor();
    await found.getByText('a file that cannot be read').waitFor();
    await found.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => found.count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it('looks for models in a folder that is added, and keeps it in the configuration', async () => {
    const theirs = join(folder, 'webui', 'models');
    mkdirSync(join(theirs, 'embeddings'), { recursive: true });
    copyFileSync(gold, join(theirs, 'embeddings', 'theirs.pt'));
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
    expect(await axeFaults(page, 'a training')).toEqual([]);
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
