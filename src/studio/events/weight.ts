/** How much there is of a value, told without writing it: for bounds on what is kept, read or answered in one go. */

const perValue = 16;

/** Characters of the texts in a value and of its names, and 16 for each value; counting ends beyond `most`. */
export function weightOf(value: unknown, most = Number.POSITIVE_INFINITY): number {
  if (typeof value === 'string') return perValue + value.length;
  if (typeof value !== 'object' || value === null) return perValue;
  if (ArrayBuffer.isView(value)) return perValue + value.byteLength;
  let sum = perValue;
  for (const name in value) {
    if (sum > most) break;
    if (Object.hasOwn(value, name))
      sum += (Array.isArray(value) ? 0 : name.length) + weightOf((value as Record<string, unknown>)[name], most - sum);
  }
  return sum;
}
