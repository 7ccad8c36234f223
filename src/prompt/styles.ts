/**
 * Prompt styles: stored text that is wrapped around a prompt or put after it.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/styles.py (behaviour).
 */

import { trimSpace } from './characters.ts';

const PLACEHOLDER = '{prompt}';
const SEPARATOR = ', ';

/** Applies styles in order: each replaces its `{prompt}`, or is put after the prompt. */
export function applyStyles(prompt: string, styles: readonly string[]): string {
  return styles.reduce(applyStyle, prompt);
}

function applyStyle(prompt: string, style: string): string {
  if (style.includes(PLACEHOLDER)) return style.replaceAll(PLACEHOLDER, () => prompt);
  return [trimSpace(prompt), trimSpace(style)].filter((part) => part !== '').join(SEPARATOR);
}

export interface PromptStyle {
  readonly name: string;
  readonly prompt: string;
  readonly negativePrompt: string;
}

export interface StylesFound {
  /** Names, in the order in which they were applied. */
  readonly styles: readonly string[];
  /** Without them. */
  readonly prompt: string;
  readonly negativePrompt: string;
}

/** Nobody wraps a prompt into so many; each is looked for among all that are known. */
const MOST_FOUND = 50;

/** The styles that two prompts show, taken off from the outside in; an empty style is none. */
export function findStyles(prompt: string, negativePrompt: string, known: readonly PromptStyle[]): StylesFound {
  const left = known.filter((style) => style.prompt !== '' || style.negativePrompt !== '');
  const styles: string[] = [];
  // Once: what is left of a text has no more spaces around it than its styles had.
  let rest = { prompt: trimSpace(prompt), negativePrompt: trimSpace(negativePrompt) };
  for (;;) {
    const isOver = styles.length === MOST_FOUND;
    const at = isOver ? -1 : left.findIndex((style) => without(rest, style) !== undefined);
    const [style] = at < 0 ? [] : left.splice(at, 1);
    if (style === undefined) return { styles, ...rest };
    rest = without(rest, style)!;
    styles.unshift(style.name);
  }
}

type Prompts = Pick<StylesFound, 'prompt' | 'negativePrompt'>;

function without({ prompt, negativePrompt }: Prompts, style: PromptStyle): Prompts | undefined {
  const positive = extractStyle(prompt, style.prompt);
  const negative = extractStyle(negativePrompt, style.negativePrompt);
  if (positive === undefined || negative === undefined) return undefined;
  return { prompt: positive, negativePrompt: negative };
}

/**
 * The prompt without a style, or undefined if it does not show that style. A style without `{prompt}` shows if the
 * prompt ends with it, even inside a word; an empty one always does.
 */
export function extractStyle(prompt: string, style: string): string | undefined {
  const text = trimSpace(prompt);
  const styleText = trimSpace(style);
  const placeholder = styleText.indexOf(PLACEHOLDER);
  if (placeholder >= 0) {
    const before = styleText.slice(0, placeholder);
    const after = styleText.slice(placeholder + PLACEHOLDER.length);
    const matches = text.startsWith(before) && text.endsWith(after);
    return matches ? text.slice(before.length, text.length - after.length) : undefined;
  }
  if (!text.endsWith(styleText)) return undefined;
  const rest = text.slice(0, text.length - styleText.length);
  return rest.endsWith(SEPARATOR) ? rest.slice(0, -SEPARATOR.length) : rest;
}
