/** How much there is of a value, told without writing it: for bounds on what is kept, read or answered in one go. */

const perValue = 16;

/** Characters of the texts in a value and of its names, and 16 for each value; counting ends beyond `most`. */
export function weightOf(value: unknown, most = Number.POSITIVE_INFINITY): number {
  if (typeof value === 'string') return perValue + value.length;
  if (typeof value !== 'object' || value === null) return perValue;
  if (ArrayBuffer.isView(value)) return perValue + value.byteLength;
  return Array.isArray(value) ? weightOfList(value, most) : weightOfObject(value, most);
}

/** By place: a `for` over the names of a long list writes all of them as texts before the first. */
function weightOfList(list: readonly unknown[], most: number): number {
  let sum = perValue;
  for (let at = 0; at < list.length && sum <= most; at++) sum += weightOf(list[at], most - sum);
  return sum;
}

function weightOfObject(value: object, most: number): number {
  let sum = perValue;
  for (const name in value) {
    if (sum > most) break;
    if (Object.hasOwn(value, name)) sum += name.length + weightOf((value as Record<string, unknown>)[name], most - sum);
  }
  return sum;
}
