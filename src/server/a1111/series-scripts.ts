/**
 * Upstream's selectable scripts that make many pictures of varied requests, as series of ours: their arguments in order,
 * with what upstream's form has for each.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, scripts/{xyz_grid,prompt_matrix,prompts_from_file,loopback}.py (names, order and
 * defaults of arguments; places in the list of axes).
 */

import { FieldError } from '#api/check';
import { findAxis } from '#pipelines/series/axes';
import { settingRows } from '#pipelines/settings/index';
import type { SeriesInput } from '#studio/work/series';
import { MissingFeatureError } from '../http/errors.ts';

export type Tab = 'txt2img' | 'img2img';

/** As `/script-info` tells it. */
export interface ScriptArgument {
  readonly label: string;
  readonly value: unknown;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly step: number | null;
  readonly choices: readonly string[] | null;
}

export interface ReadScript extends SeriesInput {
  /** What of the pictures is answered. Default: the grid, then its pictures. */
  readonly answers?: 'grid';
  readonly warnings: readonly string[];
}

interface SeriesScript {
  readonly title: string;
  readonly tabs: readonly Tab[];
  args(tab: Tab): readonly ScriptArgument[];
  /** @throws FieldError, MissingFeatureError */
  read(args: readonly unknown[], tab: Tab): ReadScript;
}

const plain = { minimum: null, maximum: null, step: null, choices: null };
const argument = (label: string, value: unknown, more: Partial<ScriptArgument> = {}): ScriptArgument => ({
  label,
  value,
  ...plain,
  ...more,
});

/** An axis of upstream's list: its label, the field or option that it sets, and the tab that alone has it. */
type UpstreamAxis = readonly [label: string, field: string | undefined, only?: Tab];

const upstreamAxes: readonly UpstreamAxis[] = [
  ['Nothing', undefined],
  ['Seed', 'seed'],
  ['Var. seed', 'subseed'],
  ['Var. strength', 'subseed_strength'],
  ['Steps', 'steps'],
  ['Hires steps', 'hr_second_pass_steps', 'txt2img'],
  ['CFG Scale', 'cfg_scale'],
  ['Image CFG Scale', 'image_cfg_scale', 'img2img'],
  ['Prompt S/R', 'promptReplace'],
  ['Prompt order', 'promptOrder'],
  ['Sampler', 'sampler_name', 'txt2img'],
  ['Hires sampler', 'hr_sampler_name', 'txt2img'],
  ['Sampler', 'sampler_name', 'img2img'],
  ['Checkpoint name', 'model'],
  ['Negative Guidance minimum sigma', 's_min_uncond'],
  ['Sigma Churn', 's_churn'],
  ['Sigma min', 's_tmin'],
  ['Sigma max', 's_tmax'],
  ['Sigma noise', 's_noise'],
  ['Schedule type', 'scheduler'],
  ['Schedule min sigma', 'sigma_min'],
  ['Schedule max sigma', 'sigma_max'],
  ['Schedule rho', 'rho'],
  ['Beta schedule alpha', 'beta_dist_alpha'],
  ['Beta schedule beta', 'beta_dist_beta'],
  ['Eta', 'eta'],
  ['Clip skip', 'CLIP_stop_at_last_layers'],
  ['Denoising', 'denoising_strength'],
  ['Initial noise multiplier', 'initial_noise_multiplier'],
  ['Extra noise', 'img2img_extra_noise'],
  ['Hires upscaler', 'hr_upscaler', 'txt2img'],
  ['Cond. Image Mask Weight', 'inpainting_mask_weight', 'img2img'],
  ['VAE', 'sd_vae'],
  ['Styles', 'styles'],
  ['UniPC Order', 'uni_pc_order'],
  ['Face restore', 'faceRestore'],
  ['Token merging ratio', 'token_merging_ratio'],
  ['Token merging ratio high-res', 'token_merging_ratio_hr'],
  ['Always discard next-to-last sigma', 'always_discard_next_to_last_sigma'],
  ['SGM noise multiplier', 'sgm_noise_multiplier'],
  ['Refiner checkpoint', 'refiner_checkpoint'],
  ['Refiner switch at', 'refiner_switch_at'],
  ['RNG source', 'randn_source'],
  ['FP8 mode', 'fp8_storage'],
  ['Size', 'size'],
];

const axesOf = (tab: Tab): readonly UpstreamAxis[] =>
  upstreamAxes.filter(([, , only]) => only === undefined || only === tab);

/** The name of our axis; undefined for none. */
function axisOf(given: unknown, tab: Tab): string | undefined {
  if (given === null || given === undefined || given === '') return undefined;
  const list = axesOf(tab);
  const found =
    typeof given === 'number'
      ? list[given]
      : list.find(([label]) => label.toLowerCase() === String(given).toLowerCase());
  if (!found) throw new FieldError('script_args', `There is no axis ${JSON.stringify(given)} in ${tab}.`);
  const [label, field] = found;
  if (field === undefined) return undefined;
  const row = settingRows.find(([, { a1111 }]) => a1111?.field === field || a1111?.option === field);
  if (row) return row[0];
  if (['promptReplace', 'promptOrder', 'size', 'faceRestore', 'model', 'styles'].includes(field))
    return findAxis(field).name;
  throw new MissingFeatureError(`The axis ${label}`);
}

/** A list that was chosen from, or the text beside it. */
function valuesOf(text: unknown, chosen: unknown): string {
  const list = Array.isArray(chosen) ? chosen.map(String) : [];
  const quoted = list.map((value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value));
  return quoted.length > 0 ? quoted.join(', ') : String(text ?? '');
}

const letters = ['X', 'Y', 'Z'] as const;

const plot: SeriesScript = {
  title: 'X/Y/Z plot',
  tabs: ['txt2img', 'img2img'],
  args: (tab) => [
    ...letters.flatMap((letter, i) => [
      argument(`${letter} type`, i === 0 ? 'Seed' : 'Nothing', { choices: axesOf(tab).map(([label]) => label) }),
      argument(`${letter} values`, ''),
      argument(`${letter} values`, [], { choices: [] }),
    ]),
    argument('Draw legend', true),
    argument('Include Sub Images', false),
    argument('Include Sub Grids', false),
    argument('Keep -1 for seeds', false),
    ...letters.map((letter) => argument(`Vary seeds for ${letter}`, false)),
    argument('Grid margins (px)', 0, { minimum: 0, maximum: 500, step: 2 }),
    argument('Use text inputs instead of dropdowns', false),
  ],
  read(args, tab) {
    const settings: Record<string, unknown> = {};
    for (const [i, letter] of letters.entries()) {
      const [type, text, chosen] = args.slice(3 * i);
      settings[`${letter.toLowerCase()}Axis`] = axisOf(type, tab);
      settings[`${letter.toLowerCase()}Values`] = valuesOf(text, chosen);
    }
    // Before 1.8 there was nothing between "Keep -1" and the margins.
    const varies = args.length > 15 ? args.slice(13, 16) : [];
    const [legend = true, lone = false, subGrids = false, keep = false] = args.slice(9, 13);
    const margin = args.length > 15 ? args[16] : args[13];
    return {
      form: 'plot',
      settings: {
        ...settings,
        labels: legend !== false,
        keepRandom: keep === true,
        varySeeds: letters.filter((_, i) => varies[i] === true),
        margin: typeof margin === 'number' ? margin : 0,
      },
      answers: lone === true ? undefined : 'grid',
      warnings: subGrids === true ? ['Include Sub Grids: grids of a Z axis are one picture here.'] : [],
    };
  },
};

const matrix: SeriesScript = {
  title: 'Prompt matrix',
  tabs: ['txt2img', 'img2img'],
  args: () => [
    argument('Put variable parts at start of prompt', false),
    argument('Use different seed for each picture', false),
    argument('Select prompt', 'positive', { choices: ['positive', 'negative'] }),
    argument('Select joining char', 'comma', { choices: ['comma', 'space'] }),
    argument('Grid margins (px)', 0, { minimum: 0, maximum: 500, step: 2 }),
  ],
  read: ([putAtStart = false, differentSeeds = false, promptType = 'positive', delimiter = 'comma', margin = 0]) => ({
    form: 'matrix',
    settings: { putAtStart, differentSeeds, promptType, delimiter, margin },
    warnings: [],
  }),
};

const prompts: SeriesScript = {
  title: 'Prompts from file or textbox',
  tabs: ['txt2img', 'img2img'],
  args: () => [
    argument('Iterate seed every line', false),
    argument('Use same random seed for all lines', false),
    argument('Insert prompts at the', 'start', { choices: ['start', 'end'] }),
    argument('List of prompt inputs', ''),
  ],
  read(args) {
    const [iterateSeed = false, sameSeed = false, ...rest] = args;
    // Before 1.8 the lines came third.
    const [position, lines] = rest.length > 1 ? rest : ['start', rest[0]];
    const settings = {
      iterateSeed,
      sameSeed,
      position: position === 'end' ? 'end' : 'start',
      lines: String(lines ?? ''),
    };
    return { form: 'prompts', settings, warnings: [] };
  },
};

const loopback: SeriesScript = {
  title: 'Loopback',
  tabs: ['img2img'],
  args: () => [
    argument('Loops', 4, { minimum: 1, maximum: 32, step: 1 }),
    argument('Final denoising strength', 0.5, { minimum: 0, maximum: 1, step: 0.01 }),
    argument('Denoising strength curve', 'Linear', { choices: ['Aggressive', 'Linear', 'Lazy'] }),
    argument('Append interrogated prompt at each iteration', 'None', { choices: ['None', 'CLIP', 'DeepBooru'] }),
  ],
  read([loops = 4, finalStrength = 0.5, curve = 'Linear', interrogation = 'None']) {
    if (interrogation !== 'None' && interrogation !== null) {
      throw new MissingFeatureError('Prompts that a captioner appends in a loopback');
    }
    return { form: 'loopback', settings: { loops, finalStrength, curve }, warnings: [] };
  },
};

export const seriesScripts: readonly SeriesScript[] = [plot, matrix, prompts, loopback];

/** The script of a request, read; undefined for requests without one. */
export function readSeriesScript(
  name: string | null | undefined,
  args: readonly unknown[],
  tab: Tab,
): ReadScript | undefined {
  const found = seriesScripts.find(({ title }) => title.toLowerCase() === name?.toLowerCase());
  return found?.tabs.includes(tab) ? found.read(args, tab) : undefined;
}
