/** Every mistake: one clear sentence, an exit code, and nothing left on the disk. */

import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeImage } from '#studio/images/codec';
import { cli, fixture, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-bad-'));
const out = join(folder, 'out');
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const small = ['--width', '64', '--height', '64', '--steps', '1', '--threads', '1', '--out', `${out}/`];
const tiny = ['--model', tinyModel, ...small];

/** Fails as it should, with a sentence of one line that fits, and writes nothing. */
async function refuses(pattern: RegExp, ...argv: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await cli('generate', ...argv);
  expect(stderr).toMatch(pattern);
  const sentence = stderr.split('\n').filter((line) => line.startsWith('darkroom: '));
  expect(sentence.length).toBe(1);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(code).not.toBe(0);
  expect(stdout).toBe('');
  expect(existsSync(out)).toBe(false);
}

describe('flags', () => {
  it.each([
    ['an unknown sampler', /no sampler "eulr".*"Euler"/, ['--sampler', 'eulr']],
    ['an unknown scheduler', /no scheduler "karas".*"Karras"/, ['--scheduler', 'karas']],
    ['a width off the model’s grid', /The width must be a multiple of 2 for this model; got 513/, ['--width', '513']],
    ['a width of 0', /--width must be at least 64; got 0/, ['--width', '0']],
    ['a negative width', /--width must be at least 64; got -8/, ['--width', '-8']],
    ['an absurd width', /--width must be at most 4096; got 1e9/, ['--width', '1e9']],
    ['a broken width', /--width must be a whole number; got 512\.5/, ['--width', '512.5']],
    ['a height that is no number', /--height must be a number; got "NaN"/, ['--height', 'NaN']],
    ['no steps', /--steps must be at least 1; got 0/, ['--steps', '0']],
    ['negative steps', /--steps must be at least 1; got -1/, ['--steps', '-1']],
    ['too many steps', /--steps must be at most 1000; got 1e9/, ['--steps', '1e9']],
    ['an infinite scale', /--cfg-scale must be .*; got/, ['--cfg-scale', 'Infinity']],
    ['a scale that is no number', /--cfg-scale must be a number; got "abc"/, ['--cfg-scale', 'abc']],
    ['a seed beyond 2^53', /--seed must be .*; got/, ['--seed', '18446744073709551616']],
    ['a broken seed', /--seed must be a whole number; got 1\.5/, ['--seed', '1.5']],
    ['a seed of letters', /--seed must be a number; got "abc"/, ['--seed', 'abc']],
    ['a strength beyond 1', /--strength must be at most 1; got 1\.5/, ['--strength', '1.5']],
    [
      'an unknown masked content',
      /--masked-content must be one of original, noise, fill, nothing/,
      ['--masked-content', 'x'],
    ],
    ['an unknown flag', /unknown option '--step' \(Did you mean --steps\?\)/, ['--step', '5']],
    ['a flag without its value', /option '--steps <n>' argument missing/, ['--steps']],
    ['an unknown device', /Allowed choices are cpu, webgpu/, ['--device', 'tpu']],
    ['an unknown format', /Allowed choices are png, jpeg, webp/, ['--format', 'bmp']],
    ['threads of 0', /--threads must be a whole number/, ['--threads', '0']],
    ['the prompt given twice', /given twice/, ['--prompt', 'y']],
    ['a mask without a picture', /mask needs a picture/, ['--mask', file('mask.png')]],
    [
      'formats that contradict each other',
      /is a webp file and --format asks for png/,
      ['--format', 'png', '--out', 'a.webp'],
    ],
    ['a picture file of unknown kind', /ends in \.tiff; a picture file ends in \.png/, ['--out', 'a.tiff']],
  ])('refuses %s', async (_, pattern, flags) => {
    if (flags[0] === '--mask') writeFileSync(flags[1]!, await encodeImage(picture(8), 'png'));
    await refuses(pattern, 'x', ...tiny, ...flags);
  });

  it('says every wrong flag at once', async () => {
    await refuses(
      /^darkroom: --width must be at least 64; got 3\. --steps must be at least 1; got -4\.$/,
      'x',
      ...tiny,
      '--width',
      '3',
      '--steps',
      '-4',
    );
  });

  it.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['generat'], /unknown command 'generat' \(Did you mean generate\?\)/],
    [['inspect'], /missing required argument 'file'/],
  ])('%s is no command line', async (argv, pattern) => {
    const { code, stderr } = await cli(...argv);
    expect(stderr).toMatch(pattern);
    expect(code).toBe(2);
  });
});

function picture(side: number): { width: number; height: number; channels: 3; data: Uint8Array } {
  return { width: side, height: side, channels: 3, data: new Uint8Array(3 * side * side).fill(120) };
}

describe('training configurations', () => {
  it.each([
    ['not there', undefined, /cannot read the training configuration/],
    ['not JSON', '{', /cannot read the training configuration/],
    ['of an unknown task', '{"task": "x"}', /is not a training configuration/],
  ])('refuses one that is %s', async (_, text, pattern) => {
    if (text !== undefined) writeFileSync(file('train.json'), text);
    const { code, stderr } = await cli('train', file('train.json'));
    expect(stderr).toMatch(pattern);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(code).toBe(1);
  });
});

describe('model files', () => {
  beforeAll(() => {
    writeFileSync(file('empty.safetensors'), '');
    writeFileSync(file('short.safetensors'), 'abc');
    copyFileSync(tinyModel, file('truncated.safetensors'));
    truncateSync(file('truncated.safetensors'), 100_000);
    writeFileSync(file('page.safetensors'), '<!DOCTYPE html><html><body>Not found</body></html>');
    writeFileSync(file('lfs.safetensors'), 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
    writeFileSync(
      file('random.safetensors'),
      Uint8Array.from({ length: 5000 }, (_, i) => (i * 137 + 41) % 251),
    );
    mkdirSync(file('nothing'));
  });

  it.each([
    ['missing', 'not-there.safetensors', /no model file or folder .*not-there/],
    ['empty', 'empty.safetensors', /empty\.safetensors: got a file of 0 bytes, expected at least 8 bytes/],
    ['of three bytes', 'short.safetensors', /got a file of 3 bytes/],
    ['truncated', 'truncated.safetensors', /cut short/],
    ['a web page', 'page.safetensors', /looks like a web page/],
    ['a Git LFS pointer', 'lfs.safetensors', /Git LFS pointer/],
    ['noise', 'random.safetensors', /probably not a safetensors file|header/],
    ['a folder without a model', 'nothing', /folder without a model/],
  ])('refuses a file that is %s', async (_, name, pattern) => {
    await refuses(pattern, 'x', ...small, '--model', file(name));
  });

  it.each([
    [
      'an embedding',
      'adapters/embeddings/goldst.safetensors',
      /this is a textual inversion embedding; expected a checkpoint/,
    ],
    ['a hypernetwork', 'adapters/hypernetworks/gold-plain.pt', /this is a hypernetwork/],
    ['half a model', 'tiny-inpaint', /a Stable Diffusion 1 U-Net by itself; it needs a text encoder of width 16/],
    ['a pickle that runs code', 'ckpt/hostile/reduce-os-system.ckpt', /refers to "os\.system".*may try to run code/],
    ['a damaged archive', 'ckpt/hostile/crc-error.ckpt', /CRC-32/],
  ])('says what %s is', async (_, path, pattern) => {
    await refuses(pattern, 'x', ...small, '--model', fixture(path));
    expect(existsSync('PWNED')).toBe(false);
  });

  it.each([
    [
      '"layers_per_block": 1',
      '"layers_per_block": 1000000000',
      /layers_per_block must be a whole number from 1 to 256, got 1000000000/,
    ],
    [
      '"layers_per_block": 1',
      '"layers_per_block": -3',
      /layers_per_block must be a whole number from 1 to 256, got -3/,
    ],
    ['"layers_per_block": 1', '"layers_per_block": NaN', /config\.json is not valid JSON/],
    ['"attention_head_dim": 8', '"attention_head_dim": 7', /width 32 does not split into 7 heads/],
    ['"norm_num_groups": 32', '"norm_num_groups": 7', /32 channels do not split into 7 groups/],
    ['"cross_attention_dim": 16', '"cross_attention_dim": 1000000000', /cross_attention_dim must be/],
  ])('refuses a configuration with %s as %s', async (from, to, pattern) => {
    const copy = file('config');
    cpSync(fixture('tiny-sd1'), copy, { recursive: true });
    const config = readFileSync(join(copy, 'unet', 'config.json'), 'utf8');
    expect(config).toContain(from);
    writeFileSync(join(copy, 'unet', 'config.json'), config.replace(from, to));
    await refuses(pattern, 'x', ...small, '--model', copy);
    rmSync(copy, { recursive: true });
  });

  it('names the nearest models', async () => {
    copyFileSync(tinyModel, file('foxes.safetensors'));
    await refuses(
      /There is no model "foxs"\. Did you mean "foxes"/,
      'x',
      ...small,
      '--model',
      'foxs',
      '--models-dir',
      folder,
    );
  });

  it('refuses a VAE that is none', async () => {
    await refuses(/expected a VAE/, 'x', ...tiny, '--vae', fixture('adapters/embeddings/goldst.safetensors'));
  });

  it('names the weights that are not numbers instead of painting black', async () => {
    const bytes = readFileSync(tinyModel);
    const headerLength = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    const [start] = header['model.diffusion_model.out.2.weight']!.data_offsets;
    bytes.writeFloatLE(Number.NaN, 8 + headerLength + start);
    writeFileSync(file('nan.safetensors'), bytes);
    copyFileSync(tinyModel.replace('.safetensors', '.yaml'), file('nan.yaml'));
    await refuses(
      /The unet gave values that are not numbers \(NaN\) .* NaN or infinity in unet\.conv_out\.weight/,
      'x',
      ...small,
      '--model',
      file('nan.safetensors'),
    );
    const { stdout } = await cli('inspect', file('nan.safetensors'), '--values', '--json');
    expect((JSON.parse(stdout) as { nonFinite: string[] }).nonFinite).toEqual(['unet.conv_out.weight']);
  });
});

describe('pictures', () => {
  it.each([
    ['missing', () => undefined, /no such file/],
    ['empty', () => new Uint8Array(), /got an empty file/],
    ['text', () => new TextEncoder().encode('hello'), /Expected a PNG/],
    ['cut short', async () => (await encodeImage(picture(64), 'png')).subarray(0, 90), /cannot be read/],
  ])('refuses an init picture that is %s', async (kind, bytes, pattern) => {
    const name = file(`init-${kind.replace(' ', '-')}.png`);
    const content = await bytes();
    if (content) writeFileSync(name, content);
    await refuses(pattern, 'x', ...tiny, '--init', name);
  });

  it.each([
    ['a folder', () => folder],
    ['a device without end', () => '/dev/zero'],
  ])('refuses %s in the place of a picture', async (_, place) => {
    await refuses(/it is no file/, 'x', ...tiny, '--init', place());
  });

  it('refuses a file of many gigabytes before it is read', async () => {
    const name = file('huge.png');
    writeFileSync(name, '');
    truncateSync(name, 20 * 2 ** 30);
    await refuses(/has 21474836480 bytes; at most 67108864 are read/, 'x', ...tiny, '--init', name);
  });
});

describe('where pictures go', () => {
  it('refuses a folder below a file', async () => {
    writeFileSync(file('a-file'), '');
    await refuses(
      /a-file is a file; pictures cannot be put below it/,
      'x',
      ...tiny,
      '--out',
      `${file('a-file')}/below/`,
    );
  });

  it.skipIf(process.getuid?.() === 0)('refuses a folder that cannot be written to', async () => {
    mkdirSync(file('locked'));
    chmodSync(file('locked'), 0o555);
    await refuses(/permission is denied/, 'x', ...tiny, '--out', `${file('locked')}/`);
  });

  it.skipIf(process.platform !== 'linux')('refuses a file system that takes no files', async () => {
    await refuses(/\/proc.*(permission is denied|cannot be written to)/, 'x', ...tiny, '--out', '/proc/pictures/');
  });
});

describe('prompts', () => {
  it.each([
    ['nothing', ''],
    ['10,000 words', 'a fox, '.repeat(5000)],
    ['control characters', 'a\u0001 fox\u001b[31m \u0007 tree\u009b'],
    ['lone surrogates and joiners', '\ud800 👩‍👩‍👧 \udc00 \u202efox'],
    ['open brackets', '((((('.repeat(200)],
    ['numbers that are none', '(x:nan) (y:1e999) [a:b:0.5 BREAK BREAK'],
  ])('draws a prompt of %s', async (_, prompt) => {
    const steps = prompt.length > 1000 ? '1' : '2';
    const { code, stdout, stderr } = await cli(
      'generate',
      '--prompt',
      prompt,
      ...tiny,
      '--steps',
      steps,
      '--out',
      file('pictures/'),
    );
    expect([code, stderr.includes('darkroom:')]).toEqual([0, false]);
    expect(readFileSync(stdout).length).toBeGreaterThan(100);
    expect(readdirSync(file('pictures')).every((name) => /^\d{5}-\d+\.png$/.test(name))).toBe(true);
  });
});
