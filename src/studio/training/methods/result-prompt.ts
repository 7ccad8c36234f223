/** How prompts ask for a result. */

import type { SamplePrompt } from '#training/captions';
import type { MethodSettings } from '#training/settings/methods';

/** The word that stands for an embedding: in Darkroom and A1111 the name of its file. */
export function wordOf({ token_string: word, output_name: name }: MethodSettings<'ti'>): string {
  return word ?? name;
}

/** The prompt with the result at a strength. */
export function withResult(settings: MethodSettings, prompt: SamplePrompt, strength: number): SamplePrompt {
  const { output_name: name } = settings;
  switch (settings.task) {
    case 'lora':
      return strength === 0 ? prompt : { ...prompt, prompt: `${prompt.prompt} <lora:${name}:${strength}>` };
    case 'hypernet':
      return strength === 0 ? prompt : { ...prompt, prompt: `${prompt.prompt} <hypernet:${name}:${strength}>` };
    case 'ti': {
      const word = wordOf(settings);
      const stands = strength === 0 ? settings.init_word : strength === 1 ? name : `(${name}:${strength})`;
      return { ...prompt, prompt: prompt.prompt.replaceAll(word, stands) };
    }
    case 'dreambooth':
    case 'finetune':
      return prompt;
  }
}

/** The prompts, and one more with the word alone where none of them has the word that was learnt. */
export function askingFor(settings: MethodSettings, prompts: readonly SamplePrompt[]): readonly SamplePrompt[] {
  if (settings.task !== 'ti') return prompts;
  const word = wordOf(settings);
  if (prompts.some(({ prompt }) => prompt.includes(word))) return prompts;
  return [...prompts, { ...prompts[0], prompt: word }];
}

/** What a user writes to draw with it. */
export function howToUse(settings: MethodSettings): string {
  const { output_name: name } = settings;
  switch (settings.task) {
    case 'lora':
      return `to use it, write <lora:${name}:1> into a prompt`;
    case 'hypernet':
      return `to use it, write <hypernet:${name}:1> into a prompt`;
    case 'ti':
      return `to use it, write ${name} into a prompt`;
    case 'dreambooth':
    case 'finetune':
      return `to use it, choose the model ${name}`;
  }
}
