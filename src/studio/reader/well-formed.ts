/**
 * Texts without halves of surrogate pairs. JSON and EXIF can bring such halves, files and databases cannot keep them
 * (UTF-8 has U+FFFD in their place, and so every tokenizer sees that), and each becomes an escape of six characters
 * wherever it is told again: a hundred times the work of any other sign. They are put right where they come in.
 */

/** The value with its texts put right, in place where it holds others. No deeper than a stack is. */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T;
  if (Array.isArray(value)) for (const [i, each] of value.entries()) putRight(value, i, each);
  else if (isPlain(value)) for (const [name, each] of Object.entries(value)) putRight(value, name, each);
  return value;
}

function putRight(holder: object, name: string | number, value: unknown): void {
  const right = wellFormed(value);
  if (right !== value) Object.defineProperty(holder, name, { value: right });
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
