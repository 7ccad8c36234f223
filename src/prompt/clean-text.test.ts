import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cleanText } from './clean-text.ts';

const file = new URL('../../test/goldens/data/reference/ftfy.json', import.meta.url);
type Case = readonly [text: string, fixed: string];
const cases = JSON.parse(readFileSync(file, 'utf8')) as Record<'legit' | 'misread', readonly Case[]>;

describe('text before the tokenizer', () => {
  it('becomes what ftfy makes of it', () => {
    expect(cases.legit.filter(([text, fixed]) => cleanText(text) !== fixed)).toEqual([]);
    // Some runs are taken for misread text here and not there, such as `Å¡kola`, and the other way round.
    const wrong = cases.misread.filter(([text, fixed]) => cleanText(text) !== fixed);
    expect(wrong.length).toBeLessThan(0.06 * cases.misread.length);
  });

  it.each([
    ['girl\u2019s \u201chat\u201d', 'girl\'s "hat"'],
    ['（masterpiece：1.2），１２', '(masterpiece:1.2),12'],
    ['ﬁne ﬂuﬀ ﬅ Ĳ', 'fine fluff ſt IJ'],
    ['a &amp; b &eacute; &EACUTE; &#8217; &#x41; &#150;', "a & b é É ' A –"],
    ['&amp;amp;', '&'],
    ['this&not that &unknown; &#xzz;', 'this&not that &unknown; &#xzz;'],
    ['&#0;&#xd800;&#1114112;&#1;&#xfffe;', '\ufffd\ufffd\ufffd'],
    ['cafÃ© itâ€™s â€œsoâ€\x9d ðŸ˜€', 'café it\'s "so" 😀'],
    ['cafÃƒÂ©', 'café'],
    ['CAFÉ… MENÜ” Ñ– ÖÄÜ Žluťoučký', 'CAFÉ… MENÜ" Ñ– ÖÄÜ Žluťoučký'],
    ['a\r\nb\rc\u2028d\u0085e', 'a\nb\nc\nd…e'],
    ['\x1b[31mred\x1b[0m\0\x07\ufeff', 'red'],
    ['a\ud83d b \udc00', 'a\ufffd b \ufffd'],
    ['e\u0301', 'é'],
    ['', ''],
    ['plain ascii, (a:1.2) [b] <lora:x:1>', 'plain ascii, (a:1.2) [b] <lora:x:1>'],
  ])('%j reads %j', (text, cleaned) => {
    expect(cleanText(text)).toBe(cleaned);
    expect(cleanText(cleaned)).toBe(cleaned);
  });

  it('leaves entities alone from a line with an angle bracket on', () => {
    expect(cleanText('&eacute;\n<b>&eacute;\n&eacute;')).toBe('é\n<b>&eacute;\n&eacute;');
  });

  it('takes long and hostile text in linear time', () => {
    for (const piece of ['Ã', 'Ã©', '&amp;', '&', '\x1b[', '\n', '\ud800', 'ﬁ', '&#x41', 'â€']) {
      expect(cleanText(piece.repeat(100_000)).length).toBeGreaterThanOrEqual(0);
    }
  });
});
