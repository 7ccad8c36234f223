/** Readers of text, and texts of any length that are the worst for each. */

import { parseStrictJson } from '#formats/strict-json';
import { parseYaml } from '#formats/yaml';
import { parseAttention } from '#prompt/attention';
import { cleanText } from '#prompt/clean-text';
import { stripComments } from '#prompt/comments';
import { splitComposition } from '#prompt/composition';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { foreignInfotext, foreignKeywords } from '#prompt/foreign/index';
import { parseInfotext } from '#prompt/infotext';
import { networkHashes } from '#prompt/network-hashes';
import { schedulePrompt } from '#prompt/schedule';
import { findStyles } from '#prompt/styles';
import { createClipTokenizer } from '#prompt/tokenizer';
import { expandWildcards } from '#prompt/wildcards';
import { parseStyles } from '#studio/prompts/style-sheet';
import { parseForm } from '#studio/reader/bounded-form';
import { parseJson } from '#studio/reader/bounded-json';
import { hostileGraphs, hostileTexts } from '../hostile/texts.ts';
import type { Reader, Shapes } from './reader.ts';

const tokenizer = createClipTokenizer();
const lists: Readonly<Record<string, readonly string[]>> = { a: ['b'], many: Array(1000).fill('__a__ {a|b}') };
const source = { list: (name: string) => lists[name], random: () => 0.5 };
const utf8 = new TextEncoder();

const fill = (piece: string, size: number) => piece.repeat(Math.ceil(size / piece.length)).slice(0, size);

/** Of prompts and infotexts. */
const prompts: Shapes<string> = (size) => ({
  ...hostileTexts(size),
  'marks that change places': `a${fill('\u0301\u0323', size)}`,
  'several of many options': `{${size}$$${fill('a|', size)}}`,
  'word lists of word lists': fill('__many__', size),
  'options within options': fill('{a|', size / 2) + fill('}', size / 6),
  'weights of options': `{${fill('2::a|', size)}}`,
  'edits at the end': fill('[a:b:0.5]', size / 2) + fill(']', size / 2),
  'groups at the end': `${fill('([', size / 2)}${fill('])', size / 2)}`,
  'a hash without end': `a\nSteps: 1, Sampler: a, Seed: 1, Lora hashes: "${fill('a', size)}"`,
  'hashes of colons': `a\nSteps: 1, Sampler: a, Seed: 1, Lora hashes: "${fill('a:', size)}"`,
  'keys of spaces': `a\nSteps: 1, Sampler: a, Seed: 1, ${fill('a  :', size)}`,
  'escapes in quotes': `a\nSteps: 1, Sampler: a, Seed: 1, ${fill('A: "\\" B', size)}`,
  'escapes of terminals': fill('\u001b[1', size),
});

const yamls: Shapes<string> = (size) => ({
  spaces: fill(' ', size),
  dashes: fill('- ', size),
  'lists in brackets': `a: [${fill('a, ', size)}]`,
  'open brackets': `a: ${fill('[', size)}`,
  'open braces': `a: ${fill('{a: ', size)}`,
  'spaces in brackets': `a: [${fill('a    ,', size)}]`,
  keys: Array.from({ length: size / 12 }, (_, i) => `key${i}: 1`).join('\n'),
  'deeper lines': Array.from({ length: Math.sqrt(size) }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
  colons: `a: ${fill('b:c', size)}`,
  'colons and spaces': `a: ${fill(': ', size)}`,
  hashes: `a: ${fill('b#', size)}`,
  'notes after spaces': fill(`a: b ${' '.repeat(50)}# c\n`, size),
  quotes: `a: "${fill('\\x41', size)}"`,
  'quotes alone': `a: ${fill("'", size)}`,
  numbers: `a: ${fill('1_', size)}.`,
  'a key without end': fill('a', size),
});

const jsons: Shapes<string> = (size) => ({
  ...hostileGraphs(size),
  'spaces before a colon': `{${fill('"a"    :1,', size)}"b":1}`,
  'colons in spaces': fill(':    ', size),
  'names without an end': fill('":', size),
  'a long name': `{"${fill('a', size)}":1}`,
  'texts of colons': `["${fill(':', size)}"]`,
  'long numbers': `[${fill('1', size)}]`,
  'numbers of dots': `[${fill('1.', size)}]`,
  'halves of pairs': `["${fill('\\ud800', size)}"]`,
  'many samplers of one wide node': wideGraph(size),
});

/** Many samplers, each fed by one node of many inputs. */
function wideGraph(size: number): string {
  const half = Math.floor(size / 2);
  const inputs = Object.fromEntries(Array.from({ length: half / 16 }, (_, i) => [`i${i}`, ['x', 0]]));
  const sampler = { inputs: { latent_image: ['wide', 0], positive: ['wide', 0] } };
  const samplers = Object.fromEntries(Array.from({ length: half / 70 }, (_, i) => [i, sampler]));
  return JSON.stringify({ wide: { inputs }, ...samplers });
}

const sheets: Shapes<string> = (size) => ({
  quotes: `name,prompt\n${fill('"', size)}`,
  'quotes with line breaks': `name,prompt\n${fill('"a\n', size)}`,
  'quotes that never end': `name,prompt\n"${fill('a,\n', size)}`,
  commas: `name,prompt\n${fill(',', size)}`,
  rows: `name,prompt\n${fill('a,b\n', size)}`,
  'one name': `name,prompt\n${fill('a,', size)}`,
  'line breaks': fill('\r\n', size),
  columns: `${fill('name,', size)}\n`,
});

const edge = 'multipart/form-data; boundary=edge';
const part = (head: string, content: string) =>
  `--edge\r\ncontent-disposition: form-data; ${head}\r\n\r\n${content}\r\n`;
const forms: Shapes<string> = (size) => ({
  'nearly the edge': `${part('name="a"', fill('\r\n--edg', size))}--edge--\r\n`,
  'edges without dashes': fill('--edge\r\n', size),
  'no end': part('name="a"', fill('x', size)),
  'a long name': `${part(`name="${fill('n', size)}"`, 'x')}--edge--\r\n`,
  'quotes in a name': `${part(`name="${fill('\\"', size)}"`, 'x')}--edge--\r\n`,
  'header lines': `--edge\r\n${fill('a: b\r\n', size)}\r\nx\r\n--edge--\r\n`,
  'line breaks': fill('\r\n', size),
  dashes: fill('-', size),
  parts: `${fill(part('name="a"', 'x'.repeat(300)), size)}--edge--\r\n`,
});

const text = (name: string, shapes: Shapes<string>, read: (text: string) => unknown, most?: number): Reader => ({
  name,
  most,
  shapes: (size) => Object.entries(shapes(size)).map(([shape, input]) => [shape, () => read(input)]),
});

export const textReaders: readonly Reader[] = [
  text('attention', prompts, parseAttention),
  text('infotext', prompts, parseInfotext),
  text('hashes of networks', prompts, networkHashes),
  text('extra networks', prompts, extractExtraNetworks),
  text('wildcards', prompts, (template) => expandWildcards(template, source)),
  text('schedule', prompts, (prompt) => schedulePrompt(prompt, { steps: 20 })),
  text('composition', prompts, splitComposition),
  text('comments', prompts, stripComments),
  text('cleaning', prompts, cleanText),
  text('tokens', prompts, (prompt) => tokenizer.encode(prompt)),
  text('styles in a prompt', prompts, (prompt) => findStyles(prompt, prompt, knownStyles)),
  text('yaml', yamls, (yaml) => parseYaml(yaml), 2 ** 18),
  text('JSON of bodies', jsons, (json) => parseJson(utf8.encode(json))),
  text('JSON of headers', jsons, parseStrictJson),
  text('texts of other programs', jsons, (json) => {
    const texts = new Map(foreignKeywords.map((keyword) => [keyword, json]));
    return foreignInfotext(texts, { width: 64, height: 64 }, (_, name) => name);
  }),
  text('styles.csv', sheets, parseStyles),
  text('multipart', forms, async (form) => await parseForm(utf8.encode(form), edge)),
];

const knownStyles = Array.from({ length: 100 }, (_, i) => ({ name: `${i}`, prompt: 'a', negativePrompt: 'a' }));
