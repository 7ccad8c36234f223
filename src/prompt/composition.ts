/**
 * Composition: `a cat :1.2 AND a dog` to sub-prompts with weights.
 *
 * Each sub-prompt is denoised by itself and the results are added by weight (Liu et al. 2022, Compositional Visual
 * Generation). Source of the syntax: AUTOMATIC1111 web UI v1.10.1, modules/prompt_parser.py (behaviour).
 */

import { SPACE, standaloneWord, trimSpaceEnd } from './characters.ts';

export interface SubPrompt {
  /** Keeps leading white space. */
  readonly text: string;
  readonly weight: number;
}

const AND = new RegExp(standaloneWord('AND'), 'u');
const WEIGHT = new RegExp(`:[${SPACE}]*([-+]?(?:\\d+\\.?|\\d*\\.\\d+))$`, 'u');

/** At least one sub-prompt. */
export function splitComposition(prompt: string): SubPrompt[] {
  return prompt.split(AND).map(readWeight);
}

function readWeight(text: string): SubPrompt {
  const trimmed = trimSpaceEnd(text);
  const match = WEIGHT.exec(trimmed);
  if (match === null) return { text: trimmed, weight: 1 };
  return { text: trimSpaceEnd(trimmed.slice(0, match.index)), weight: Number(match[1]) };
}
