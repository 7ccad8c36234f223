/**
 * Values inside infotext: quoting, and numbers as Python prints them.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/infotext_utils.py, quote and unquote (behaviour).
 */

/** A value with a comma, colon or line break, as a JSON string; any other as it is. */
export function quoteValue(text: string): string {
  return /[,:\n]/u.test(text) ? JSON.stringify(text) : text;
}

/** The reverse; text in quotes that is no JSON string stays as it is. */
export function unquoteValue(text: string): string {
  if (!text.startsWith('"') || !text.endsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}

/** A number as Python's `repr` of a float prints it: `7.0`, `0.1`, `1e-05`, `1e+16`, `inf`. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const magnitude = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits}e${exponent < 0 ? '-' : '+'}${magnitude}`;
  }
  // JavaScript writes 0.00001 and larger without an exponent, so this range needs only the point of whole numbers.
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A number as an infotext shows it: whole numbers without a point. */
export function infotextNumber(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : pythonFloat(value);
}
