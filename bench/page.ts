/**
 * How long the page takes until somebody can type: from the start of the navigation until the prompt's field is drawn and
 * takes a letter. A server must run; Chromium is the system's.
 *
 * Run: npm run bench -- page [address]
 */

import process from 'node:process';
import { chromium, type Page } from 'playwright-core';

const rounds = 7;
/** Told by the page itself, so that nothing of the driver is counted. */
const watchPrompt = `const look = () => {
    if (document.querySelector('form textarea')) globalThis.promptDrawnAt = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);`;

const address = process.argv[2] ?? 'http://127.0.0.1:7860';

async function measure(): Promise<void> {
  const args = ['--no-sandbox', '--disable-gpu'];
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  const fresh: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const page = await (await browser.newContext()).newPage();
    await page.addInitScript(watchPrompt);
    await page.goto(address);
    fresh.push(await typedAt(page));
    await page.reload();
    again.push(await typedAt(page));
    await page.context().close();
  }
  await browser.close();
  console.log(`nothing kept by the browser: ${described(fresh)}`);
  console.log(`loaded again:                ${described(again)}`);
}

/** Milliseconds from the start of the navigation. */
async function typedAt(page: Page): Promise<number> {
  const prompt = page.locator('form textarea').first();
  await prompt.press('a');
  if (!(await prompt.inputValue()).includes('a')) throw new Error('the prompt took no letter');
  return await page.evaluate<number>('promptDrawnAt');
}

function described(times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b).map((ms) => `${(ms / 1000).toFixed(2)} s`);
  return `${sorted[Math.floor(rounds / 2)]} in the middle of ${rounds}, ${sorted[0]} to ${sorted.at(-1)}`;
}

await measure();
