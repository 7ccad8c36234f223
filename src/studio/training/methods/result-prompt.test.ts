/** Prompts that ask for what was learnt. */

import { expect, it } from 'vitest';
import { methodSchemas } from '#training/settings/methods';
import { askingFor } from './result-prompt.ts';

it('a proof of a word asks for it, whatever the prompts of samples are', () => {
  const settings = methodSchemas.ti.parse({
    task: 'ti',
    train_data_dir: 'pics',
    output_name: 'mycat',
    init_word: 'cat',
  });
  const plain = [{ prompt: 'a fox', steps: 4 }];
  expect(askingFor(settings, plain)).toEqual([...plain, { prompt: 'mycat', steps: 4 }]);
  const asked = [...plain, { prompt: 'a drawing of mycat' }];
  expect(askingFor(settings, asked)).toBe(asked);
});
