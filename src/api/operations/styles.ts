/** Stored texts that are put around prompts, and the word lists that prompts draw from. */

import { z } from 'zod';
import { operation } from '../operation.ts';

const tag = 'Prompts';
const name = z.string().min(1).max(500).describe('Name of the style.');

export const styleSchema = z.object({
  name,
  prompt: z
    .string()
    .max(100_000)
    .default('')
    .describe('`{prompt}` stands for the prompt; without it the text goes after.'),
  negativePrompt: z.string().max(100_000).default('').describe('The same for the negative prompt.'),
});

export const styles = {
  listStyles: operation({
    method: 'get',
    path: '/styles',
    tag,
    summary: 'Styles of the data folder and of the web UIs that the model folders belong to.',
    output: z.object({ styles: z.array(styleSchema) }),
    command: { usage: 'style list', creates: true },
  }),
  saveStyle: operation({
    method: 'put',
    path: '/styles/{name}',
    tag,
    changes: ['settings'],
    summary: 'Keep a style in the data folder; one of its name is replaced.',
    input: styleSchema,
    output: styleSchema,
    command: {
      usage: 'style save <name>',
      creates: true,
      examples: ['style save film --prompt "{prompt}, 35mm film" --negative-prompt "drawing"'],
    },
  }),
  removeStyle: operation({
    method: 'delete',
    path: '/styles/{name}',
    tag,
    changes: ['settings'],
    summary: 'Forget a style of the data folder.',
    input: z.object({ name }),
    command: { usage: 'style remove <name>', ask: 'Forget this style for good?' },
  }),
  importStyles: operation({
    method: 'post',
    path: '/styles/import',
    tag,
    changes: ['settings'],
    summary: 'Keep the styles of a sheet (styles.csv); those of the same names are replaced.',
    input: z.object({ sheet: z.string().min(1).max(4_000_000).describe('name,prompt,negative_prompt') }),
    output: z.object({ styles: z.array(styleSchema) }),
  }),
  measurePrompt: operation({
    method: 'post',
    path: '/prompts/measure',
    tag,
    summary: 'How many tokens a prompt has, as CLIP counts them, and the text of each chunk of 75.',
    input: z.object({
      text: z.string().max(20_000),
      model: z.string().max(500).optional().describe('Checkpoint that will draw it; the default one when left out.'),
    }),
    output: z.object({
      tokens: z.int().describe('With the padding of all chunks but the last.'),
      room: z.int().describe('Tokens that the chunks hold.'),
      chunks: z.array(z.int()).describe('Tokens of each chunk.'),
      unknown: z.array(z.string()).describe('Words that the model was never shown, where it says which it knows.'),
    }),
  }),
  listWildcards: operation({
    method: 'get',
    path: '/wildcards',
    tag,
    summary: 'Word lists that prompts draw from as __name__.',
    output: z.object({ wildcards: z.array(z.string()) }),
    command: { usage: 'style wildcards', creates: true },
  }),
};
