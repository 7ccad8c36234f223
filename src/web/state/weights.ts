/** Emphasis in a prompt by keys, and its brackets, as A1111 users know both. */

export interface Edited {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** How a prompt writes a weight. */
interface WeightForm {
  /** The whole of it: words, weight. */
  readonly whole: RegExp;
  /** What follows the closing bracket. */
  readonly behind: RegExp;
  readonly write: (words: string, weight: number) => string;
}

const inBrackets: WeightForm = {
  whole: /^\((.*):(-?\d+(?:\.\d+)?)\)$/s,
  behind: /^/,
  write: (words, weight) => `(${words}:${weight})`,
};

/** By the setting `emphasis`, where it is not A1111's way. */
const ownForms: Readonly<Record<string, WeightForm>> = {
  compel: {
    whole: /^\((.*)\)(\d+(?:\.\d+)?)$/s,
    behind: /^\d*(?:\.\d+)?/,
    write: (words, weight) => `(${words})${Math.max(0, weight)}`,
  },
};

/**
 * The selected words (or the word at the cursor) a step stronger or weaker; weight 1 loses its brackets.
 * `emphasis`: the setting of that name.
 */
export function emphasised(text: string, start: number, end: number, by: number, emphasis?: unknown): Edited {
  const form = ownForms[String(emphasis)] ?? inBrackets;
  const [from, to] = start === end ? wordAt(text, start) : trimmed(text, start, end);
  if (from === to) return { text, start, end };
  const [outerFrom, outerTo] = bracketed(text, from, to, form) ?? [from, to];
  const part = text.slice(outerFrom, outerTo);
  const found = form.whole.exec(part);
  const inner = found?.[1] ?? part;
  const weight = Math.round((Number(found?.[2] ?? 1) + by) * 100) / 100;
  const replaced = weight === 1 ? inner : form.write(inner, weight);
  return {
    text: text.slice(0, outerFrom) + replaced + text.slice(outerTo),
    start: outerFrom,
    end: outerFrom + replaced.length,
  };
}

function wordAt(text: string, at: number): [number, number] {
  const before = /[^\s,()[\]<>|]*$/.exec(text.slice(0, at))![0].length;
  const after = /^[^\s,()[\]<>|]*/.exec(text.slice(at))![0].length;
  return [at - before, at + after];
}

function trimmed(text: string, start: number, end: number): [number, number] {
  const part = text.slice(start, end);
  const from = start + (part.length - part.trimStart().length);
  return [from, Math.max(from, end - (part.length - part.trimEnd().length))];
}

/** The whole of a weight around a selection that holds, or lies just inside, one. */
function bracketed(
  text: string,
  from: number,
  to: number,
  { whole, behind }: WeightForm,
): [number, number] | undefined {
  if (whole.test(text.slice(from, to))) return [from, to];
  const open = text.lastIndexOf('(', from);
  const close = text.indexOf(')', to) + 1;
  if (open < 0 || close === 0) return undefined;
  const end = close + (behind.exec(text.slice(close))?.[0].length ?? 0);
  return whole.exec(text.slice(open, end))?.[1]?.trim() === text.slice(from, to).replace(/:[\d.]*$/, '')
    ? [open, end]
    : undefined;
}

/** The first bracket without its partner, as it stands in the text; undefined when all fit. */
export function unmatchedBracket(text: string): string | undefined {
  const open: string[] = [];
  const partner: Readonly<Record<string, string>> = { ')': '(', ']': '[', '>': '<' };
  for (const [at, letter] of [...text].entries()) {
    if (text[at - 1] === '\\') continue;
    if ('(['.includes(letter)) open.push(letter);
    else if (letter in partner && letter !== '>' && open.pop() !== partner[letter]) return letter;
  }
  return open.at(-1);
}
