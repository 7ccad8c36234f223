/** What a request asked for and did not get, where an answer has no field for it. */

/** As a header, one sentence after the other; plain ASCII, as headers must be. */
export function warningHeader(warnings: readonly string[]): Record<string, string> {
  if (warnings.length === 0) return {};
  const text = warnings.join(' ').replaceAll(/[^\x20-\x7e]+/g, '?');
  return { 'x-darkroom-warnings': text.slice(0, 2000) };
}
