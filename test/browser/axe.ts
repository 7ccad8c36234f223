/** What axe finds in a page as it stands (WCAG 2.2 AA). */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResult {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** By night only the colours are others. */
const rules = {
  light: '["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]',
  dark: '{ type: "rule", values: ["color-contrast", "link-in-text-block"] }',
} as const;

/** Of a view that stands open, by day and by night. @returns a line a fault, with `view` before it */
export async function axeFaults(page: Page, view: string): Promise<string[]> {
  // Not as a script element: the page's policy forbids those.
  await page.evaluate(axe);
  const faults: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate<AxeResult>(`axe.run({ runOnly: ${rules[colorScheme]} })`);
    const told = found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 160)}`);
    faults.push(...told.map((line) => `${view}, ${colorScheme}, ${line}`));
  }
  return faults;
}
