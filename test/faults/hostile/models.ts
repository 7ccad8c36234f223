/** Files that lie among models and are made to be slow or large; written into a folder, told by their names. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { safetensors, u32le, u64le, zip } from './bytes.ts';
import { lyingModels } from './headers.ts';

const mebibyte = 2 ** 20;
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** By path in the folder. */
export function hostileModels(): Readonly<Record<string, () => Uint8Array | string>> {
  return { ...tensorFiles, ...pickles, ...others, ...sideFiles, ...lyingModels() };
}

/** Writes those that are wanted. @returns how many */
export function writeHostileModels(folder: string, isWanted: (path: string) => boolean = () => true): number {
  const files = Object.entries(hostileModels()).filter(([path]) => isWanted(path));
  for (const [path, make] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, make());
  }
  // Links that lead round, and a name as long as there are.
  symlinkSync('.', join(folder, 'Stable-diffusion', 'round'));
  symlinkSync(join(folder, 'Stable-diffusion', 'b'), join(folder, 'Stable-diffusion', 'a'));
  symlinkSync(join(folder, 'Stable-diffusion', 'a'), join(folder, 'Stable-diffusion', 'b'));
  writeFileSync(join(folder, 'Stable-diffusion', `${'n'.repeat(243)}.safetensors`), '');
  writeNoFiles(folder);
  return files.length + 4;
}

/** What bears the name of a file and is none: pipes, devices, holes of terabytes, links to the system's own. */
function writeNoFiles(folder: string): void {
  const small = () => safetensors('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4);
  const models = join(folder, 'Stable-diffusion');
  for (const name of ['Stable-diffusion', 'wildcards', 'embeddings'])
    mkdirSync(join(folder, name), { recursive: true });
  const beside = ['json', 'txt', 'yaml', 'preview.png', 'civitai.info', 'darkroom.json'];
  for (const name of ['no-pipes', 'no-holes']) writeFileSync(join(models, `${name}.safetensors`), small());
  for (const end of beside) writeFileSync(join(models, `no-holes.${end}`), '');
  const holes = [...beside.map((end) => `no-holes.${end}`), 'holes.safetensors', 'holes.ckpt', 'holes.gguf'];
  for (const file of [...holes.map((name) => join(models, name)), join(folder, 'wildcards', 'holes.txt')]) {
    writeFileSync(file, '', { flag: 'a' });
    truncateSync(file, 2 ** 40);
  }
  // Names that mean something to another system, or look alike.
  for (const name of [
    'CON',
    'a:stream',
    'with\nnewline',
    '%00',
    '-rf',
    'Case',
    'case',
    '\u00e9',
    'e\u0301',
    '\u202emoc',
  ])
    writeFileSync(join(models, `${name}.safetensors`), small());
  utimesSync(join(models, 'case.safetensors'), -5e9, -5e9);
  const pipes = [...beside.map((end) => `no-pipes.${end}`), 'pipe.safetensors', 'pipe.ckpt'];
  for (const file of [...pipes.map((name) => join(models, name)), join(folder, 'wildcards', 'pipe.txt')])
    execFileSync('mkfifo', [file]);
  const links = { '/dev/zero': 'zero.safetensors', '/dev/urandom': 'random.ckpt', '/proc/self/mem': 'mem.pt' };
  for (const [target, name] of Object.entries(links)) symlinkSync(target, join(models, name));
  symlinkSync('/proc', join(models, 'proc'));
  symlinkSync('/dev/zero', join(folder, 'wildcards', 'zero.txt'));
}

const tensor = (i: number) => `"${'layer.'.repeat(5)}${i}.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`;

const tensorFiles: Record<string, () => Uint8Array> = {
  'Stable-diffusion/spaces.safetensors': () => safetensors(`{${' '.repeat(95 * mebibyte)}}`),
  'Stable-diffusion/braces.safetensors': () => safetensors('{"a":'.repeat(5 * mebibyte)),
  'Stable-diffusion/many-tensors.safetensors': () => safetensors(`{${times(700_000, tensor).join(',')}}`),
  'Stable-diffusion/dimensions.safetensors': () =>
    safetensors(`{"a":{"dtype":"F32","shape":[${'1,'.repeat(5_000_000)}1],"data_offsets":[0,4]}}`, 4),
  'Stable-diffusion/metadata.safetensors': () =>
    safetensors(`{"__metadata__":{${times(200_000, (i) => `"k${i}":"${'v'.repeat(200)}"`).join(',')}}}`),
  'Stable-diffusion/long-metadata.safetensors': () =>
    safetensors(`{"__metadata__":{"a":"${'\\u0041'.repeat(10_000_000)}"}}`),
  'Stable-diffusion/says-much.safetensors': () => safetensors('{}', 0, 2n ** 63n),
  'Stable-diffusion/half-surrogates.safetensors': () =>
    safetensors(`{"__metadata__":{"a":"${'\\ud800'.repeat(2_000_000)}"}}`),
  'Lora/tags.safetensors': () =>
    safetensors(
      `{"__metadata__":{"ss_tag_frequency":${JSON.stringify(JSON.stringify({ a: Object.fromEntries(times(400_000, (i) => [`tag ${i}`, i])) }))}}}`,
    ),
  'Lora/deep-tags.safetensors': () =>
    safetensors(`{"__metadata__":{"ss_tag_frequency":${JSON.stringify('{"a":'.repeat(1_000_000))}}}`),
  'Lora/thumbnail.safetensors': () =>
    safetensors(`{"__metadata__":{"modelspec.thumbnail":"data:image/png;base64,${'A'.repeat(30 * mebibyte)}"}}`),
};

const pickle = (body: Uint8Array) =>
  zip([{ name: 'archive/data.pkl', data: Buffer.concat([Buffer.from([0x80, 2]), body, Buffer.from('.')]) }]);
const op = (text: string) => Buffer.from(text, 'latin1');
const orderedDict = op('ccollections\nOrderedDict\n');

const pickles: Record<string, () => Uint8Array> = {
  // A list of equal pairs, handed to OrderedDict again and again.
  'Stable-diffusion/pairs.ckpt': () =>
    pickle(
      Buffer.concat([
        op('](K\u0001K\u0001\u0086q\u0001'),
        ...times(1000, () => Buffer.concat([op('('), Buffer.alloc(2000, op('h\u0001')), op('e')])),
        op('eq\u0002'),
        ...times(100_000, () => Buffer.concat([orderedDict, op('h\u0002\u0085R0')])),
      ]),
    ),
  'Stable-diffusion/deep.ckpt': () => pickle(Buffer.alloc(4_000_000, op(')\u0085'))),
  'Stable-diffusion/doubling.ckpt': () => pickle(Buffer.concat([op(')'), Buffer.alloc(300_000, op('2\u0086'))])),
  'Stable-diffusion/memo.ckpt': () =>
    pickle(Buffer.concat([op(']'), ...times(500_000, (i) => Buffer.concat([op('r'), u32le(i * 4096)]))])),
  'Stable-diffusion/marks.ckpt': () => pickle(Buffer.alloc(20_000_000, op('('))),
  'Stable-diffusion/strings.ckpt': () => pickle(Buffer.concat([op('X'), u32le(0xffff_fff0), Buffer.alloc(1000)])),
  'Stable-diffusion/long-number.ckpt': () =>
    pickle(Buffer.concat([Buffer.from([0x8b]), u32le(8_000_000), Buffer.alloc(8_000_000, 0x7f)])),
  'Stable-diffusion/text-number.ckpt': () => pickle(op(`I${'9'.repeat(4_000_000)}\n`)),
  'Stable-diffusion/proto0.ckpt': () => op(`(dp0\n${'S"a"\nI1\ns'.repeat(1_000_000)}.`),
  'Stable-diffusion/bomb.ckpt': () => zip([{ name: 'archive/data.pkl', data: Buffer.alloc(512 * mebibyte) }]),
  'Stable-diffusion/members.ckpt': () =>
    zip(times(60_000, (i) => ({ name: `archive/data/${i}`, data: Buffer.alloc(0) }))),
  'Stable-diffusion/nobody.ckpt': () =>
    zip([{ name: 'archive/data.pkl', data: Buffer.from('cos\nsystem\n(S"true"\ntR.') }]),
};

function gguf(tensors: bigint, pairs: bigint, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('GGUF'), u32le(3), u64le(tensors), u64le(pairs), body]);
}

const ggufText = (text: string) => Buffer.concat([u64le(text.length), Buffer.from(text)]);

const others: Record<string, () => Uint8Array | string> = {
  'Stable-diffusion/many.gguf': () => gguf(2n ** 60n, 2n ** 60n, Buffer.alloc(1000)),
  'Stable-diffusion/text.gguf': () => gguf(0n, 1n, Buffer.concat([ggufText('a'), u32le(8), u64le(2n ** 62n)])),
  'Stable-diffusion/array.gguf': () =>
    gguf(0n, 1n, Buffer.concat([ggufText('a'), u32le(9), u32le(0), u64le(50n * 1_000_000n), Buffer.alloc(50_000_000)])),
  'Stable-diffusion/arrays-of-arrays.gguf': () =>
    gguf(
      0n,
      1n,
      Buffer.concat([ggufText('a'), u32le(9), ...times(200_000, () => Buffer.concat([u32le(9), u64le(1)])), u32le(0)]),
    ),
  'Stable-diffusion/pairs.gguf': () =>
    gguf(0n, 500_000n, Buffer.concat(times(500_000, (i) => Buffer.concat([ggufText(`k${i}`), u32le(4), u32le(i)])))),
  'Stable-diffusion/packed.ckpt': () => gzipSync(Buffer.alloc(64 * mebibyte)),
  'Stable-diffusion/page.safetensors': () => `<!doctype html>${'<p>'.repeat(500_000)}`,
  'Stable-diffusion/noise.bin': () => Buffer.alloc(8 * mebibyte, 0x9d),
  'diffusers/folder/model_index.json': () => `{"_class_name":"StableDiffusionPipeline",${'"a":['.repeat(2_000_000)}`,
  'diffusers/wide/model_index.json': () => `{${times(400_000, (i) => `"k${i}":["diffusers","X"]`).join(',')}}`,
};

const oneTensor = () => safetensors('{"model.diffusion_model.x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4);

const sideFiles: Record<string, () => Uint8Array | string> = {
  ...Object.fromEntries(
    ['spaces', 'dashes', 'brackets', 'anchors', 'lines', 'quotes', 'card', 'info', 'preview', 'note'].map((name) => [
      `Stable-diffusion/side-${name}.safetensors`,
      oneTensor,
    ]),
  ),
  'Stable-diffusion/side-spaces.yaml': () => ' '.repeat(900_000),
  'Stable-diffusion/side-dashes.yaml': () => '- '.repeat(150_000),
  'Stable-diffusion/side-brackets.yaml': () => `a: ${'['.repeat(300_000)}`,
  'Stable-diffusion/side-anchors.yaml': () =>
    times(20, (i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(20)}]`).join('\n'),
  'Stable-diffusion/side-lines.yaml': () => times(60_000, (i) => `${' '.repeat(i % 200)}k${i}:`).join('\n'),
  'Stable-diffusion/side-quotes.yaml': () => `a: "${'\\'.repeat(300_000)}`,
  'Stable-diffusion/side-card.json': () => `{"description":"${'a'.repeat(40 * mebibyte)}"}`,
  'Stable-diffusion/side-info.civitai.info': () => `{"trainedWords":[${'"a",'.repeat(4_000_000)}"a"]}`,
  'Stable-diffusion/side-preview.preview.png': () => Buffer.alloc(200 * mebibyte),
  'Stable-diffusion/side-note.txt': () => 'a'.repeat(50 * mebibyte),
  'styles.csv': () => `name,prompt,negative_prompt\n${'"'.repeat(4 * mebibyte - 100)}`,
  'wildcards/long.txt': () => '{a|'.repeat(mebibyte),
  'wildcards/round.txt': () => '__round__ __round__\n'.repeat(1000),
  'wildcards/ring-a.txt': () => '__ring-b__',
  'wildcards/ring-b.txt': () => '{__ring-c__|__ring-a__}',
  'wildcards/ring-c.txt': () => '{2$$__ring-a__|__ring-b__|__ring-a__}',
  ...Object.fromEntries(
    times(60, (i) => [`wildcards/tower-${i}.txt`, () => (i === 59 ? 'a' : `__tower-${i + 1}__ __tower-${i + 1}__`)]),
  ),
  // Beside the model folder, as a web UI has it.
  '../styles.csv': () =>
    [
      'name,prompt,negative_prompt',
      'twice,"{prompt} {prompt}",',
      'ring,"{prompt} __ring-a__ {__ring-b__|__ring-c__}",',
      'itself,"{prompt} <style:itself> {styles:itself}",{prompt}{prompt}{prompt}',
    ].join('\n'),
};
