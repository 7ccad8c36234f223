import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseYaml, type YamlMap, type YamlValue } from './yaml.ts';

/** Plain objects in place of those without a prototype. */
function plain(value: YamlValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
}

function at(value: YamlValue, ...path: (string | number)[]): YamlValue | undefined {
  return path.reduce<YamlValue | undefined>((v, key) => (v as YamlMap | undefined)?.[key], value);
}

describe('parseYaml', () => {
  /** The shape of the original v1-inference.yaml, with every construct that it uses. */
  it('reads a configuration of the original Stable Diffusion', () => {
    const text = `model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    first_stage_key: "jpg"
    cond_stage_trainable: false   # Note: different from the one we trained before
    monitor: val/loss_simple_ema
    use_ema: False

    scheduler_config: # 10000 warmup steps
      params:
        warm_up_steps: [ 10000 ]
        cycle_lengths: [ 10000000000000 ] # incredibly large number
        f_start: [ 1.e-6 ]
        f_max: [ 1. ]
    unet_config:
      params:
        attention_resolutions: [ 4, 2, 1 ]
        channel_mult:
        - 1
        - 2
        legacy: False
    first_stage_config:
      params:
        ddconfig:
          attn_resolutions: []
        lossconfig:
          target: torch.nn.Identity
    cond_stage_config: __is_unconditional__
`;
    expect(plain(parseYaml(text))).toEqual({
      model: {
        base_learning_rate: 1e-4,
        target: 'ldm.models.diffusion.ddpm.LatentDiffusion',
        params: {
          linear_start: 0.00085,
          first_stage_key: 'jpg',
          cond_stage_trainable: false,
          monitor: 'val/loss_simple_ema',
          use_ema: false,
          scheduler_config: {
            params: { warm_up_steps: [10000], cycle_lengths: [1e13], f_start: [1e-6], f_max: [1] },
          },
          unet_config: { params: { attention_resolutions: [4, 2, 1], channel_mult: [1, 2], legacy: false } },
          first_stage_config: {
            params: { ddconfig: { attn_resolutions: [] }, lossconfig: { target: 'torch.nn.Identity' } },
          },
          cond_stage_config: '__is_unconditional__',
        },
      },
    });
  });

  it('reads the golden configurations', () => {
    const read = (model: string): YamlValue => {
      const url = new URL(`../../test/goldens/data/models/${model}/${model}.yaml`, import.meta.url);
      return parseYaml(readFileSync(url, 'utf8'), `${model}.yaml`);
    };
    const sd1 = read('tiny-sd1');
    expect(at(sd1, 'model', 'params', 'linear_end')).toBe(0.012);
    expect(at(sd1, 'model', 'params', 'unet_config', 'params', 'attention_resolutions')).toEqual([1]);
    expect(at(sd1, 'model', 'params', 'first_stage_config', 'params', 'ddconfig', 'attn_resolutions')).toEqual([]);
    expect(at(read('tiny-sd2'), 'model', 'params', 'parameterization')).toBe('v');
    const embedders = at(
      read('tiny-sdxl'),
      'model',
      'params',
      'conditioner_config',
      'params',
      'emb_models',
    ) as YamlMap[];
    expect(embedders.slice(0, 2).map((e) => e.target)).toEqual([
      'sgm.modules.encoders.modules.FrozenCLIPEmbedder',
      'sgm.modules.encoders.modules.FrozenOpenCLIPEmbedder2',
    ]);
    expect(at(embedders[0]!, 'params', 'text_config', 'vocab_size')).toBe(49408);
  });

  // The wanted values are PyYAML's, but for 1e-4, which OmegaConf makes a number.
  it.each<[string, string, unknown]>([
    ['nothing', '# only a comment\n\n', null],
    ['document marks', '---\na: 1\n...\n', { a: 1 }],
    ['lists in lists', '- - 1\n  - - 2\n-\n  - 3\n- k: 1\n  l:\n  - 4\n', [[1, [2]], [3], { k: 1, l: [4] }]],
    ['keys without a value', 'a:\nb: # comment\nc: ~\nd:\n  - \n', { a: null, b: null, c: null, d: [null] }],
    [
      'constants',
      '[true, Yes, OFF, null, NULL, tRue, .inf, -.Inf]',
      [true, true, false, null, null, 'tRue', Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ],
    [
      'numbers',
      '[-1, +2, 0x1F, 1_000, .5, 1., 1e-4, 1.5e3, 1.2.3, 1e, -, 0xg]',
      [-1, 2, 31, 1000, 0.5, 1, 1e-4, 1500, '1.2.3', '1e', '-', '0xg'],
    ],
    [
      'quotes',
      `{a: 'it''s', "b\\t\\u00e9\\x41\\U0001f600": "\\"#\\"", 'c: d': ''}`,
      { a: "it's", 'b\té\x41\u{1f600}': '"#"', 'c: d': '' },
    ],
    [
      'signs inside text',
      'a: b#c\nd: e:f # g\nh#i: http://x/?y=1\n"k" : [a#b, c:d]',
      { a: 'b#c', d: 'e:f', 'h#i': 'http://x/?y=1', k: ['a#b', 'c:d'] },
    ],
    ['maps in brackets', '{a: {b: [1, {c: }]}, d, e: ~,}', { a: { b: [1, { c: null }] }, d: null, e: null }],
    ['Windows line ends and a byte order mark', '\ufeffa: 1\r\nb:\r\n  - x\r\n', { a: 1, b: ['x'] }],
    ['a single scalar', 'just text # comment', 'just text'],
  ])('reads %s', (_, text, want) => {
    expect(plain(parseYaml(text))).toEqual(want);
  });

  it('reads long runs of spaces in linear time, and no text beyond its bound', () => {
    const spaces = ' '.repeat(250_000);
    expect(plain(parseYaml(`a: b${spaces}c`))).toEqual({ a: `b${spaces}c` });
    expect(plain(parseYaml(`- 1${spaces}# c`))).toEqual([1]);
    expect(() => parseYaml(' '.repeat(2 ** 18 + 1), 'm.yaml')).toThrow(
      expect.objectContaining({ code: 'yaml.too-large', message: expect.stringContaining('m.yaml') }),
    );
  });

  it('keeps every key a key', () => {
    const map = parseYaml('__proto__: 1\nconstructor: 2\ntoString:') as YamlMap;
    expect(Object.entries(map)).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
      ['toString', null],
    ]);
  });

  it.each<[string, string, number, RegExp]>([
    ['an anchor', 'a: &x 1', 1, /unsupported.*anchor/],
    ['an alias', 'a: 1\nb: *x', 2, /unsupported.*alias/],
    ['an alias in a list', '- *x', 1, /unsupported.*alias/],
    ['a merge key', 'a:\n  <<: *x', 2, /unsupported.*alias/],
    ['a tag', 'a: !!python/object:os.system x', 1, /unsupported.*tag/],
    ['a block scalar', 'a: |\n  text', 1, /unsupported.*block scalar/],
    ['a folded scalar', 'a: [1]\nb: >-\n  text', 2, /unsupported.*block scalar/],
    ['brackets over several lines', 'a: [1,\n  2]', 1, /unsupported.*one line/],
    ['quotes over several lines', "a: 'x\n  y'", 1, /unsupported.*one line/],
    ['several documents', 'a: 1\n---\nb: 2', 2, /unsupported.*documents/],
    ['a complex key', '? a\n: b', 1, /unsupported.*complex key/],
    ['plain text over several lines', 'a: x\n  y', 2, /malformed.*indented more/],
    ['a tab', 'a:\n\tb: 1', 2, /malformed.*tab/],
    ['a key twice', 'a: 1\nb: 2\na: 3', 3, /malformed.*"a" is there twice/],
    ['a key twice in brackets', '{a: 1, a: 2}', 1, /malformed.*"a" is there twice/],
    ['an indentation that fits nothing', 'a:\n    b: 1\n  c: 2', 3, /malformed.*indented/],
    ['a value beside a map', 'a: 1\nb', 2, /malformed.*key: value/],
    ['a list beside a map', 'a: 1\n- b', 2, /malformed/],
    ['a key inside a value', 'a: b: c', 1, /malformed.*quotes/],
    ['text behind brackets', 'a: [1] 2', 1, /malformed.*unexpected text/],
    ['a wrong bracket', 'a: [1}', 1, /malformed/],
    ['an empty entry', 'a: [1,,2]', 1, /malformed.*empty entry/],
    ['an unknown escape', 'a: "\\q"', 1, /malformed.*escape/],
    ['a character beyond Unicode', 'a: "\\U00110000"', 1, /malformed.*escape/],
    ['deep brackets', `a: ${'['.repeat(10_000)}`, 1, /malformed.*nested deeper/],
    ['deep lists', `${'- '.repeat(10_000)}x`, 1, /malformed.*nested deeper/],
  ])('refuses %s, with the line', (_, text, line, pattern) => {
    let error: { code: string; message: string } | undefined;
    try {
      parseYaml(text, 'm.yaml');
    } catch (caught) {
      error = caught as typeof error;
    }
    expect(`${error?.code} ${error?.message}`).toMatch(pattern);
    expect(error?.message).toMatch(new RegExp(`^m\\.yaml, line ${line}: `));
  });
});
