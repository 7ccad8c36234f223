import { describe, expect, it } from 'vitest';
import { chooseWeightFiles } from './weight-files.ts';

describe('chooseWeightFiles', () => {
  it.each<[string, string, string]>([
    ['one file', 'model.safetensors model.fp16.safetensors pytorch_model.bin', 'model.safetensors'],
    [
      'shards with their index',
      'M.safetensors.index.json M-00001-of-00002.safetensors M-00002-of-00002.safetensors M.bin',
      'M.safetensors.index.json M-00001-of-00002.safetensors M-00002-of-00002.safetensors',
    ],
    [
      'shards of a variant',
      'M.safetensors.index.fp16.json M.fp16-00001-of-00001.safetensors M.fp16.bin',
      'M.safetensors.index.fp16.json M.fp16-00001-of-00001.safetensors',
    ],
    [
      'shards of a variant as in 2024',
      'M.safetensors.fp16.index.json M-00001-of-00001.fp16.safetensors',
      'M.safetensors.fp16.index.json M-00001-of-00001.fp16.safetensors',
    ],
    ['a pickle of a variant', 'M.fp16.bin M.non_ema.safetensors', 'M.fp16.bin'],
    [
      'sharded pickles',
      'pytorch_model.bin.index.json pytorch_model-00001-of-00001.bin',
      'pytorch_model.bin.index.json pytorch_model-00001-of-00001.bin',
    ],
    ['what is there to train on', 'M.non_ema.bin M.non_ema.safetensors', 'M.non_ema.safetensors'],
    ['nothing of an index alone', 'M.safetensors.index.json config.json', ''],
    ['nothing of other names', 'flax_model.msgpack model.onnx', ''],
  ])('takes %s', (_, there, taken) => {
    const names = (list: string): string[] => list.replaceAll(/\bM\b/g, 'diffusion_pytorch_model').split(' ');
    expect(chooseWeightFiles(names(there))).toEqual(names(taken).filter(Boolean));
  });
});
