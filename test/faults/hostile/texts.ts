/** Texts that are small or lawful, and long work for a parser that is not careful. */

/** By what they are; each of about `size` characters. */
export function hostileTexts(size: number): Readonly<Record<string, string>> {
  const fill = (piece: string) => piece.repeat(Math.floor(size / piece.length));
  const half = Math.floor(size / 2);
  return {
    'open brackets': fill('('),
    'brackets with words': fill('(a'),
    'square brackets': fill('['),
    'curly brackets': fill('{'),
    'curly brackets with choices': fill('{a|'),
    'brackets opened and closed': '('.repeat(half) + ')'.repeat(half),
    'weights without end': `(a:${'1'.repeat(size)})`,
    'weights in a row': fill('(a:1.1)'),
    alternatives: `[${fill('a|')}]`,
    'schedules within schedules': fill('[a:') + fill(':0.5]').slice(0, half),
    adapters: fill('<lora:a:1>'),
    'adapters that never end': fill('<lora:a'),
    'word lists': fill('__a__'),
    'word lists that never end': fill('__'),
    'word lists of stars': fill('__*__'),
    'word lists of paths': fill('__../a__'),
    'choices of many of many': `{99$$${fill('a|')}b}`,
    breaks: fill('BREAK '),
    parts: fill('a AND '),
    'parts with weights': fill('a :1 AND '),
    spaces: fill(' '),
    'spaces before a letter': `${fill(' ')}a`,
    'line breaks': fill('\n'),
    backslashes: fill('\\'),
    'escaped brackets': fill('\\('),
    quotes: fill('"'),
    'quotes and commas': fill('",'),
    colons: fill(':'),
    commas: fill(','),
    numbers: fill('1'),
    'signs of one letter': `e${fill('\u0301')}`,
    families: fill('\u{1f468}\u200d'),
    'half a pair': fill('\ud800'),
    'the other half': fill('\udfff'),
    NULs: fill('\0'),
    'signs that are not shown': fill('\x1b\x7f\u0085'),
    'marks of direction': fill('\u202e\u2066'),
    'letters beyond the plane': fill('\u{10ffff}'),
    'ligatures and widths': fill('\ufb03\uff21\u337f'),
    entities: fill('&amp;'),
    'entities of entities': `&${fill('amp;')}`,
    'entities that never end': fill('&#'),
    mojibake: fill('Ã©'),
    'one long word': fill('a'),
    comments: fill('#a\n'),
    'comments that never end': fill('/*'),
    'pairs of infotext': `a\nSteps: 1, ${fill('A: 1, ')}`,
    'pairs in quotes': `a\nSteps: 1, ${fill('A: "b, ')}`,
    'pairs of escapes': `a\nSteps: 1, A: "${fill('\\"')}`,
    'negative prompts': fill('Negative prompt: '),
    'steps on every line': fill('Steps: 1,\n'),
    sizes: `a\nSteps: 1, Size: ${fill('1x')}`,
    'hashes in braces': `a\nSteps: 1, Hashes: {${fill('"a":"b",')}`,
    'hashes of braces': `a\nSteps: 1, Hashes: ${fill('{')}`,
    'lora hashes': `a\nSteps: 1, Lora hashes: "${fill('a: b, ')}"`,
  };
}

/** The same of JSON that tools leave in pictures. */
export function hostileGraphs(size: number): Readonly<Record<string, string>> {
  const nodes = Math.max(2, Math.floor(size / 60));
  const circle = Object.fromEntries(
    Array.from({ length: nodes }, (_, i) => [
      i,
      {
        class_type: 'KSampler',
        inputs: { positive: [String((i + 1) % nodes), 0], negative: [String((i + 2) % nodes), 0] },
      },
    ]),
  );
  const ladder = Object.fromEntries(
    Array.from({ length: nodes }, (_, i) => [
      i,
      { class_type: 'ConditioningCombine', inputs: { a: [String(i + 1), 0], b: [String(i + 1), 0] } },
    ]),
  );
  return {
    'a graph of circles': JSON.stringify(circle),
    'a graph that doubles at each step': JSON.stringify(ladder),
    'nested lists': '['.repeat(size),
    'nested objects': '{"a":'.repeat(Math.floor(size / 5)),
    'nested and closed': '['.repeat(size / 2) + ']'.repeat(size / 2),
    'many names': `{${Array.from({ length: Math.floor(size / 12) }, (_, i) => `"k${i}":1`).join(',')}}`,
    'a prompt of objects': JSON.stringify({
      prompt: Array.from({ length: nodes }, () => ({})),
      Comment: '{'.repeat(100),
    }),
    'texts of escapes': `{"prompt":"${'\\u0000'.repeat(Math.floor(size / 6))}"}`,
  };
}
