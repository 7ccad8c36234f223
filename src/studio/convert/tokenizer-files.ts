/** CLIP's vocabulary as transformers keeps it beside a model: vocab.json, merges.txt and their configuration. */

import { clipTokens } from '#prompt/clip-tokens';
import { CLIP_END_ID, CLIP_START_ID } from '#prompt/clip-vocabulary';

const [start, end] = ['<|startoftext|>', '<|endoftext|>'];

/** For every tokenizer that model_index.json names. */
export function tokenizerFiles(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const index = JSON.parse(texts['model_index.json'] ?? '{}') as Readonly<Record<string, readonly unknown[]>>;
  const names = Object.keys(index).filter(
    (name) => name.startsWith('tokenizer') && index[name]?.[1] === 'CLIPTokenizer',
  );
  if (names.length === 0) return {};
  const { tokens, merges } = clipTokens();
  const vocabulary = Object.fromEntries([
    ...tokens.map((token, id) => [token, id]),
    [start, CLIP_START_ID],
    [end, CLIP_END_ID],
  ]);
  const shared = {
    'vocab.json': JSON.stringify(vocabulary),
    'merges.txt': `#version: 0.2\n${merges.map((pair) => pair.join(' ')).join('\n')}\n`,
  };
  return Object.fromEntries(
    names.flatMap((name) => {
      // OpenCLIP's encoders are padded with id 0.
      const pad = name.endsWith('_2') ? '!' : end;
      const special = { bos_token: start, eos_token: end, unk_token: end, pad_token: pad };
      const config = {
        ...special,
        do_lower_case: true,
        errors: 'replace',
        model_max_length: 77,
        tokenizer_class: 'CLIPTokenizer',
      };
      const own = {
        ...shared,
        'tokenizer_config.json': JSON.stringify(config),
        'special_tokens_map.json': JSON.stringify(special),
      };
      return Object.entries(own).map(([file, text]) => [`${name}/${file}`, text] as const);
    }),
  );
}
