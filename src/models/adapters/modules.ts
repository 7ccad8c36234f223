/**
 * The modules of a model that adapters change, and every name under which trainers store them: kohya's sd-scripts,
 * LyCORIS, diffusers and peft. All of them follow from the names of the model's own parameters.
 *
 * Kohya's names have underscores for dots and cannot be taken apart by a rule, so that known names are looked up.
 */

import type { ModelFamily } from '../family.ts';
import type { DeclaredParameter } from '../nn/scope.ts';

/** A layer by its canonical name, such as `unet.conv_in`, with its parameters. */
export interface AdaptedModule {
  readonly name: string;
  readonly component: string;
  readonly weight: DeclaredParameter;
  readonly bias: DeclaredParameter | undefined;
}

/** Modules by every name that a file may give them. */
export type ModuleNames = ReadonlyMap<string, AdaptedModule>;

export function moduleNames<Config>(family: ModelFamily<Config>, config: Config): ModuleNames {
  const names = new Map<string, AdaptedModule>();
  const modules = modulesOf(family.parameters(config));
  const several = hasSeveralEncoders(modules);
  for (const module of modules) {
    for (const path of pathsOf(family, config, module)) {
      for (const name of storedNames(module.component, path, several)) if (!names.has(name)) names.set(name, module);
    }
  }
  return names;
}

/** Every layer of a model that has a weight. */
export function modulesOf(parameters: readonly DeclaredParameter[]): AdaptedModule[] {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  return parameters
    .filter(({ name }) => name.endsWith('.weight'))
    .map((weight) => {
      const name = weight.name.slice(0, -'.weight'.length);
      return { name, component: name.slice(0, name.indexOf('.')), weight, bias: byName.get(`${name}.bias`) };
    });
}

/** Whether trainers number the text encoders. */
export function hasSeveralEncoders(modules: readonly AdaptedModule[]): boolean {
  return modules.some(({ component }) => /^text_encoder_\d+$/.test(component));
}

/** Paths below the component, the canonical one first. */
function pathsOf<Config>(family: ModelFamily<Config>, config: Config, { name, component }: AdaptedModule): string[] {
  const path = name.slice(component.length + 1);
  const others = family.adapterKeys?.(config, component) ?? [];
  const stored = others.flatMap((keys) => keys(`${path}.weight`).map((found) => found.name.replace(/\.weight$/, '')));
  return [path, ...stored];
}

/** `text_encoder` is kohya's `te`, or `te1` where there are several; the others are numbered from 2. */
function kohyaComponent(component: string, several: boolean): string {
  const [, number] = /^text_encoder(?:_(\d+))?$/.exec(component) ?? [];
  if (!component.startsWith('text_encoder')) return component;
  return number === undefined ? (several ? 'te1' : 'te') : `te${number}`;
}

/**
 * The name under which kohya's sd-scripts store a layer's adapter: its path flattened, where it is that of the file or
 * that of diffusers (`ModelFamily.trainersUseFileNames`).
 */
export function trainedName<Config>(
  family: ModelFamily<Config>,
  config: Config,
  module: AdaptedModule,
  several: boolean,
): string {
  const [canonical, ofFile = canonical] = pathsOf(family, config, module);
  const path = family.trainersUseFileNames ? ofFile : canonical;
  return `lora_${kohyaComponent(module.component, several)}_${path!.replaceAll('.', '_')}`;
}

/** The layer's path in a single file of the original layout; undefined where there is none. */
export function filePathOf<Config>(
  family: ModelFamily<Config>,
  config: Config,
  module: AdaptedModule,
): string | undefined {
  return pathsOf(family, config, module)[1];
}

function storedNames(component: string, path: string, several: boolean): string[] {
  const flat = path.replaceAll('.', '_');
  const short = kohyaComponent(component, several);
  const flattened = [`lora_${short}_${flat}`, `oft_${short}_${flat}`, `lycoris_${flat}`];
  return [
    `${component}.${path}`,
    `base_model.model.${path}`,
    ...flattened,
    ...comfyNames(component, path, several),
    path,
  ];
}

/** As ComfyUI's own nodes save them: below `diffusion_model`, and below each text encoder's name there. */
function comfyNames(component: string, path: string, several: boolean): string[] {
  if (!component.startsWith('text_encoder')) return [`diffusion_model.${path}`];
  const first = several ? ['clip_l'] : ['clip_l', 'clip_h', 'clip_g'];
  const encoders = component === 'text_encoder' ? first : ['clip_g'];
  return encoders.map((encoder) => `text_encoders.${encoder}.transformer.${path}`);
}

/** The module of a stored name; diffusers' attention processors name their layers in a way of their own. */
export function findModule(names: ModuleNames, stored: string): AdaptedModule | undefined {
  const plain = stored.replace(/^base_model\.model\.(?=unet\.|text_encoder)/, '');
  const own = plain.replace(/\.processor\.(to_[qkv])_lora$/, '.$1').replace(/\.processor\.to_out_lora$/, '.to_out.0');
  return names.get(own) ?? names.get(own.replace(/\.base_layer$/, ''));
}
