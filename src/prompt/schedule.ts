/**
 * Prompt editing `[from:to:when]` and alternation `[a|b]`: a prompt to the text of each sampling step.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/prompt_parser.py (behaviour), for both passes of hires fix.
 */

import { InternalError } from '#core/errors';
import { type Alternation, type Edit, parseSchedule, type ScheduleItem, unwrap } from './schedule-syntax.ts';

export interface ScheduleEntry {
  /** Last step, counted from 1, for which the text is meant; see `entryAt` for the calls that see it. */
  readonly until: number;
  readonly text: string;
}

export interface ScheduleOptions {
  /** Steps of the first pass. */
  readonly steps: number;
  /** Steps of the hires pass, if the schedule is for that pass. */
  readonly hiresSteps?: number | undefined;
  /** Before version 1.6: numbers below 1 are fractions, others steps, and both passes count from 0. */
  readonly oldScheduling?: boolean | undefined;
}

/** Last step of an edit's first text, from its number as written. */
type LastStep = (when: string) => number;

/** Texts in order of steps, at least one; neighbours may have the same text. */
export function schedulePrompt(prompt: string, options: ScheduleOptions): ScheduleEntry[] {
  const { hiresSteps, oldScheduling = false } = options;
  const inHiresPass = hiresSteps !== undefined && !oldScheduling;
  const steps = inHiresPass ? hiresSteps : options.steps;
  const items = parseSchedule(prompt);
  if (items === undefined) return [{ until: steps, text: prompt }];

  const lastStep: LastStep = (when) => {
    const value = Number(when);
    if (oldScheduling) return wholeStep(value < 1 ? value * steps : value, steps);
    if (when.includes('.')) return wholeStep((value - (inHiresPass ? 1 : 0)) * steps, steps);
    return wholeStep(value - (inHiresPass ? options.steps : 0), steps);
  };
  return changingSteps(items, steps, lastStep).map((step) => ({
    until: step,
    text: textAtStep(items, step, lastStep),
  }));
}

/**
 * What a denoiser call sees, counted from 0, of entries in order: the first whose last step is not before it. So the
 * first text of `[a:b:k]` has k + 1 calls. Calls beyond the last step, of samplers that take more than were announced,
 * begin again with the first entry. Both as upstream.
 */
export function entryAt<E extends Pick<ScheduleEntry, 'until'>>(schedule: readonly E[], call: number): E {
  const entry = schedule.find(({ until }) => call <= until) ?? schedule[0];
  if (entry === undefined) throw new InternalError('a prompt schedule has no text');
  return entry;
}

function wholeStep(value: number, steps: number): number {
  return Math.min(steps, Math.trunc(value));
}

/** Walks with a stack instead of recursion: nesting is the user's to choose. */
function changingSteps(items: readonly ScheduleItem[], steps: number, lastStep: LastStep): number[] {
  const changes = new Set([steps]);
  let alternates = false;
  const pending = [...items];
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (item.kind === 'text' || item.kind === 'stray') continue;
    if (item.kind === 'alternation') alternates = true;
    if (item.kind === 'edit' && lastStep(item.when) >= 1) changes.add(lastStep(item.when));
    for (const part of item.parts) for (const inner of part) pending.push(inner);
  }
  if (alternates) for (let step = 1; step <= steps; step++) changes.add(step);
  return [...changes].sort((a, b) => a - b);
}

function textAtStep(items: readonly ScheduleItem[], step: number, lastStep: LastStep): string {
  const texts: string[] = [];
  const pending = items.toReversed();
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    if (item.kind === 'text' || item.kind === 'stray') {
      texts.push(item.text);
      continue;
    }
    const chosen = item.kind === 'group' ? unwrap(item) : chosenPart(item, step, lastStep);
    for (let i = chosen.length - 1; i >= 0; i--) pending.push(chosen[i]!);
  }
  return texts.join('');
}

function chosenPart(item: Edit | Alternation, step: number, lastStep: LastStep): readonly ScheduleItem[] {
  const { parts } = item;
  if (item.kind === 'alternation') return parts[(step - 1) % parts.length]!;
  if (step > lastStep(item.when)) return parts.at(-2)!;
  return parts.length === 3 ? parts[0]! : [];
}
