/** Prompts, how their weights act, and the model that reads them. */

import { z } from 'zod';
import { splitComposition } from '#prompt/composition';
import { DEFAULT_EMPHASIS, EMPHASIS_MODES, type EmphasisMode, isWindowed, mayWeigh } from '#prompt/emphasis';
import { readRegions } from '#prompt/regions';
import { entry, flagEntry, type InfotextFace, setting, textEntry } from './setting.ts';

/** Prompts lead the infotext; they are no entries of its last line. */
function promptText(key: 'Prompt' | 'Negative prompt'): InfotextFace {
  return { keys: [key], read: (parsed) => parsed[key] };
}

/** Hundreds of chunks, and a job's row and answer stay small; whoever needs more splits the prompt over jobs. */
export const longestPrompt = 100_000;

const promptType = z
  .string()
  .max(longestPrompt, `at most ${longestPrompt} characters are taken; shorten it`)
  .default('');

export const promptSettings = {
  prompt: setting({
    type: promptType,
    help: 'What the picture should show, in A1111 syntax.',
    form: { label: 'Prompt', group: 'prompt', level: 'simple', control: 'prompt' },
    infotext: promptText('Prompt'),
    a1111: { field: 'prompt' },
  }),
  negativePrompt: setting({
    type: promptType,
    help: 'What it should not show.',
    form: { label: 'Negative prompt', group: 'prompt', level: 'simple', control: 'prompt' },
    infotext: promptText('Negative prompt'),
    a1111: { field: 'negative_prompt' },
    openai: 'negative_prompt',
  }),
  styles: setting({
    type: z.array(z.string().max(500)).max(100).default([]),
    help: 'Stored texts that are put around the prompts, by name.',
    form: { label: 'Styles', group: 'prompt', level: 'full', control: 'choice', choices: 'styles' },
  }),
  regions: setting({
    type: z
      .string()
      .max(2000)
      .refine(
        (text) => readRegions(text) !== undefined,
        'must be rectangles such as 0-0.5:0-1; 0.5-1:0-1, or all for the whole picture',
      )
      .default(''),
    help: 'Where each part of the prompt that AND joins acts: left-right:top-bottom as parts of what is drawn, with ; between.',
    form: { label: 'Regions', group: 'prompt', level: 'full', control: 'regions' },
    infotext: textEntry('Regions', { unless: '' }),
    idle: ({ request }) =>
      splitComposition(String(request['prompt'])).length > 1 ? undefined : 'the prompt has no parts that AND joins',
  }),
};

/** Who turns pictures into latents and back: the VAE, or the tiny autoencoder, which is quick and a little rough. */
function autoencoder(half: 'encoder' | 'decoder') {
  const label = half === 'encoder' ? 'VAE encoder' : 'VAE decoder';
  return {
    type: z.enum(['Full', 'TAESD']).default('Full'),
    help: `${label}: the VAE in full, or the tiny one (TAESD), quick and a little rough.`,
    form: { label, group: 'model', level: 'full', control: 'choice' },
    infotext: textEntry(half === 'encoder' ? 'VAE Encoder' : 'VAE Decoder', { unless: 'Full' }),
    a1111: { option: half === 'encoder' ? 'sd_vae_encode_method' : 'sd_vae_decode_method' },
  } as const;
}

export const modelSettings = {
  model: setting({
    type: z.string().max(4096).optional(),
    help: 'Checkpoint name or path; the embedded model when left out.',
    form: { label: 'Model', group: 'model', level: 'simple', control: 'choice', choices: 'checkpoints' },
    // Read by whoever opens models: a text names the file of another's library.
    infotext: { keys: ['Model', 'Model hash'] },
  }),
  vae: setting({
    type: z.string().max(4096).optional(),
    help: 'VAE name or path; the one inside the checkpoint when left out.',
    form: { label: 'VAE', group: 'model', level: 'full', control: 'choice', choices: 'vaes' },
    infotext: { keys: ['VAE', 'VAE hash'], read: (parsed) => parsed.VAE },
    a1111: { option: 'sd_vae', optionDefault: 'Automatic' },
  }),
  textEncoders: setting({
    type: z.string().max(400).default(''),
    help: 'Text encoders for a model that has none in its file, with commas; found by their width when left out.',
    form: { label: 'Text encoders', group: 'model', level: 'full', control: 'text' },
    infotext: {
      ...entry('Text encoders'),
      write: (value) => (value === '' ? [] : [['Text encoders', value as string]]),
    },
  }),
  vaeEncoder: setting(autoencoder('encoder')),
  vaeDecoder: setting(autoencoder('decoder')),
  clipSkip: setting({
    type: z.int().min(1).max(48).default(1),
    help: 'Stop the text encoder this many layers before its end (1 = none).',
    form: { label: 'Clip skip', group: 'model', level: 'full', control: 'slider', step: 1, usual: [1, 4] },
    infotext: {
      ...entry('Clip skip'),
      write: (value) => (Number(value) > 1 ? [['Clip skip', value as number]] : []),
    },
    a1111: { option: 'CLIP_stop_at_last_layers' },
  }),
  clipSkipSdxl: setting({
    type: z.boolean().default(false),
    help: 'SDXL: clip skip acts on its first text encoder, which else stops one layer before its end.',
    form: { label: 'Clip skip of SDXL', group: 'model', level: 'full', control: 'switch' },
    infotext: flagEntry('Clip skip SDXL'),
    a1111: { option: 'sdxl_clip_l_skip' },
    idle: ({ forcesClipSkip }) => (forcesClipSkip ? undefined : 'the model is not of SDXL’s kind'),
  }),
};

export const textSettings = {
  emphasis: setting({
    type: z.enum(EMPHASIS_MODES).default(DEFAULT_EMPHASIS),
    help: 'How (weights:1.2) act: A1111’s ways, or ComfyUI’s, which moves tokens away from the empty prompt; compel has its own signs: word++, (words)1.2, ("a", "b").blend(1, 0.5).',
    form: { label: 'Emphasis', group: 'text', level: 'full', control: 'choice' },
    infotext: {
      ...textEntry('Emphasis'),
      write: (value, { request }) =>
        value !== DEFAULT_EMPHASIS && mayWeigh(value as EmphasisMode, `${request.prompt}${request.negativePrompt}`)
          ? [['Emphasis', value as string]]
          : [],
    },
    a1111: { option: 'emphasis' },
  }),
  commaPaddingBacktrack: setting({
    type: z.int().min(0).max(74).default(20),
    help: 'How many tokens may move to the next chunk of a long prompt, so that it is cut at a comma.',
    form: { label: 'Comma backtrack', group: 'text', level: 'full', control: 'slider', step: 1 },
    infotext: entry('Comma padding backtrack', { unless: 20 }),
    a1111: { option: 'comma_padding_backtrack' },
  }),
  padPrompts: setting({
    type: z.boolean().default(false),
    help: 'Make prompt and negative prompt of one length, with what an empty prompt says behind the shorter.',
    form: { label: 'Pad prompts', group: 'text', level: 'full', control: 'switch' },
    infotext: flagEntry('Pad conds'),
    a1111: { option: 'pad_cond_uncond' },
    idle: ({ request }) => (isWindowed(request.emphasis as EmphasisMode) ? 'compel always does it' : undefined),
  }),
  padPromptsV0: setting({
    type: z.boolean().default(false),
    help: 'Cut the negative prompt to the length of the prompt, or repeat its last token, as A1111’s DDIM and PLMS did before 1.6.',
    form: { label: 'Pad prompts, old way', group: 'text', level: 'full', control: 'switch' },
    infotext: flagEntry('Pad conds v0'),
    a1111: { option: 'pad_cond_uncond_v0' },
    idle: ({ request }) =>
      isWindowed(request.emphasis as EmphasisMode) ? 'compel fills up in its own way' : undefined,
  }),
  oldPromptEditing: setting({
    type: z.boolean().default(false),
    help: 'Prompt editing as A1111 had it before 1.6: a number below 1 is a part of the steps, and hires fix counts from 0 again.',
    form: { label: 'Old prompt editing', group: 'text', level: 'full', control: 'switch' },
    infotext: flagEntry('Old prompt editing timelines'),
    a1111: { option: 'use_old_scheduling' },
    idle: ({ request }) =>
      `${request.prompt}${request.negativePrompt}`.includes('[') ? undefined : 'nothing is edited in the prompts',
  }),
};
