/**
 * Loading a checkpoint: open it, say what it is, choose the family, read its sizes, find every parameter. No weight is
 * read here; the result says where each is.
 */

import type { WeightRef, WeightSource } from '#engine/backend';
import { readWeight } from './adapters/read-weight.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { describeFile, type FileDescription } from './detect.ts';
import { embeddedConfigKey } from './embedded-config.ts';
import { families } from './families.ts';
import type { ComponentLayout, ModelFamily, ModelParts, SingleFileHints } from './family.ts';
import { Fields, parseJson } from './fields.ts';
import { isDrawingKind } from './file-kinds.ts';
import { ModelFileError } from './model-error.ts';
import { type ModelSource, openComponent, openModelSource, readConfig } from './model-source.ts';
import { type Problem, resolveParameters, type StoredTensor } from './resolve.ts';
import { type ModelFiles, openTensorFile } from './tensor-file.ts';
import { below } from './tensor-table.ts';

export interface LoadOptions {
  /** A VAE (file, or diffusers folder of one) to use instead of the checkpoint's own. */
  readonly vae?: string | undefined;
  /** Files of text encoders for components that the model lacks; the narrower one is the first. */
  readonly textEncoders?: readonly string[] | undefined;
  /** Accept a file that lacks whole components, such as a bare U-Net. */
  readonly partial?: boolean;
  readonly families?: readonly ModelFamily[];
}

export interface LoadedCheckpoint {
  readonly path: string;
  readonly layout: ModelSource['layout'];
  readonly description: FileDescription;
  readonly family: ModelFamily;
  readonly config: unknown;
  readonly parts: ModelParts;
  /** Components that are there, e.g. `unet`, `vae`, `text_encoder`. */
  readonly components: readonly string[];
  /** What stands before a component's names in its file. */
  readonly prefixes: ReadonlyMap<string, string>;
  /** Every parameter of every component that is there, by canonical name. */
  readonly weights: WeightSource;
  readonly metadata: Readonly<Record<string, string>>;
  /** What is odd and yet does not stop the model. */
  readonly problems: readonly Problem[];
}

interface OpenComponent {
  readonly prefix: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Opens a single file or a diffusers folder. Throws a ModelFileError, or a CheckpointError that lists all misfits. */
export async function loadCheckpoint(
  files: ModelFiles,
  path: string,
  { vae, textEncoders = [], partial = false, families: known = families }: LoadOptions = {},
): Promise<LoadedCheckpoint> {
  const source = await openModelSource(files, path);
  const identified = await identifyCheckpoint(files, source, { textEncoders, families: known });
  const { description, family, components } = identified;
  let { config } = identified;
  const own = family.parts(config).autoencoder.component;
  const replaced = components.get(own)?.prefix;
  if (vae !== undefined) {
    const external = await openVae(files, vae, family.components.find((c) => c.component === own)!);
    components.set(own, external);
    const base = config;
    config = named(vae, () => family.withVae(base, external.tensors, external.settings));
  }
  const { weights, problems } = resolveAll(family, config, components, source, { partial, replaced });
  problems.push(...otherWeights(source));
  const fatal = problems.filter((p) => p.fatal);
  if (fatal.length > 0) throw new CheckpointError(path, fatal);
  if (textEncoders.length > 0) checkContext(family.parts(config), textEncoders, path);
  return {
    path,
    layout: source.layout,
    description,
    family,
    config,
    parts: family.parts(config),
    components: [...components.keys()],
    prefixes: new Map([...components].map(([name, { prefix }]) => [name, prefix])),
    weights: { get: (name) => weights.get(name) },
    metadata: source.metadata,
    problems,
  };
}

export interface IdentifiedCheckpoint {
  readonly description: FileDescription;
  readonly family: ModelFamily;
  readonly components: Map<string, OpenComponent>;
  readonly config: unknown;
}

/** Which family a model is of and how large it is. @throws ModelFileError, where it cannot be run whatever its weights */
export async function identifyCheckpoint(
  files: ModelFiles,
  source: ModelSource,
  { textEncoders = [], families: known = families }: Pick<LoadOptions, 'textEncoders' | 'families'> = {},
): Promise<IdentifiedCheckpoint> {
  const embedded = embeddedOf(source);
  const { tensors, pipeline } = source;
  const description = describeFile(tensors, { told: embedded?.string('family'), known, pipeline });
  const family = chooseFamily(known, description, source);
  const components = findComponents(family.components, tensors);
  await addEncoders(files, textEncoders, family, components);
  const values = await valuesOf(files, family, source);
  const config = named(source.path, () => configOf(family, source, components, { embedded, values }));
  return { description, family, components, config };
}

function chooseFamily(known: readonly ModelFamily[], description: FileDescription, source: ModelSource): ModelFamily {
  if (description.problem !== undefined && description.kind !== 'unknown') {
    const { title, problem } = description;
    throw new ModelFileError('unsupported', `this is ${title}, which cannot be used: ${problem}`, source.path);
  }
  const family = known.find(({ id }) => id === description.family);
  if (family && isDrawingKind(description.kind)) return family;
  const groups = [...new Set([...source.tensors.keys()].map((n) => n.split('.').slice(0, 2).join('.')))];
  const found =
    description.kind === 'unknown'
      ? ` Its ${source.tensors.size} tensors are in ${groups.slice(0, 6).join(', ') || 'no groups'}${groups.length > 6 ? ', ...' : ''}.`
      : '';
  const expected = known.map((f) => f.title).join(', ');
  const message = `this is ${description.title}; expected a checkpoint of ${expected}.${found}`;
  throw new ModelFileError('unsupported', message, source.path);
}

function findComponents(
  layouts: readonly ComponentLayout[],
  tensors: ReadonlyMap<string, StoredTensor>,
): Map<string, OpenComponent> {
  const found = new Map<string, OpenComponent>();
  for (const layout of layouts) {
    for (const prefix of layout.prefixes) {
      const own = below(tensors, prefix);
      if (!layout.recognise(own)) continue;
      found.set(layout.component, { prefix, tensors: own });
      break;
    }
  }
  return found;
}

function embeddedOf({ path, metadata }: ModelSource): Fields | undefined {
  const where = `${path}: ${embeddedConfigKey}`;
  const text = metadata[embeddedConfigKey];
  return text === undefined ? undefined : new Fields(parseJson(text, where), where);
}

function configOf(
  family: ModelFamily,
  source: ModelSource,
  components: ReadonlyMap<string, OpenComponent>,
  told: Pick<SingleFileHints, 'embedded' | 'values'>,
): unknown {
  if (source.layout === 'folder') return family.configOfFolder(source.configs);
  const tensors = new Map([...components].map(([name, c]) => [name, c.tensors]));
  return family.configOfSingleFile(tensors, { tensors: source.tensors, yaml: source.yaml, ...told });
}

/** The small tensors that the family wants to look at, where the file has them. */
async function valuesOf(files: ModelFiles, { reads = [] }: ModelFamily, { tensors }: ModelSource) {
  const values = new Map<string, Float32Array>();
  for (const name of reads) {
    const ref = tensors.get(name)?.ref;
    if (ref) values.set(name, (await readWeight(files, ref)).data);
  }
  return values;
}

/** Adds the path to errors about tensors that do not know which file they are from. */
function named<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const nameless = error instanceof ModelFileError && error.path === undefined && error.code !== 'model.config';
    if (!nameless) throw error;
    throw new ModelFileError(error.code.replace(/^model\./, ''), error.message, path);
  }
}

/** Opens text encoders of their own and puts each in the place of a component that is not there. */
async function addEncoders(
  files: ModelFiles,
  paths: readonly string[],
  family: ModelFamily,
  components: Map<string, OpenComponent>,
): Promise<void> {
  const opened = await Promise.all(paths.map((path) => openTensorFile(files, path)));
  const width = ({ tensors }: (typeof opened)[number]): number =>
    [...tensors].find(([name]) => name.endsWith('token_embedding.weight'))?.[1].shape[1] ?? 0;
  for (const encoder of opened.sort((a, b) => width(a) - width(b))) {
    const { kind } = describeFile(encoder.tensors);
    // OpenCLIP's names by themselves are not told apart from unknown ones.
    const isText = kind === 'text-encoder' || kind === 'unknown';
    const open = family.components.filter(({ component }) => isText && !components.has(component));
    const [found] = open.flatMap((layout) => [
      ...findComponents([{ ...layout, prefixes: [...layout.prefixes, ''] }], encoder.tensors),
    ]);
    if (!found) {
      const what = `this is ${describeFile(encoder.tensors).title}; expected a text encoder that the model lacks`;
      throw new ModelFileError('not-an-encoder', what, encoder.path);
    }
    components.set(...found);
  }
}

/** The context that all encoders make together must be as wide as what the denoiser reads. */
function checkContext({ textEncoders, denoiser }: ModelParts, paths: readonly string[], path: string): void {
  const width = textEncoders.reduce((sum, part) => sum + part.width, 0);
  if (width === denoiser.contextWidth) return;
  const message = `its text must be ${denoiser.contextWidth} wide, but ${paths.join(', ')} make ${width}; take other text encoders`;
  throw new ModelFileError('encoder-width', message, path);
}

interface ExternalVae extends OpenComponent {
  readonly settings: Fields | undefined;
}

/** A VAE of its own: an LDM or diffusers file, or a diffusers folder with its config.json. */
async function openVae(files: ModelFiles, path: string, layout: ComponentLayout): Promise<ExternalVae> {
  const settings = await readConfig(files, `${path}/config.json`);
  const file = settings ? await openComponent(files, path) : await openTensorFile(files, path);
  const found = findComponents([layout], file.tensors).get(layout.component);
  if (found) return { ...found, settings };
  throw new ModelFileError('not-a-vae', `this is ${describeFile(file.tensors).title}; expected a VAE`, path);
}

function resolveAll(
  family: ModelFamily,
  config: unknown,
  components: ReadonlyMap<string, OpenComponent>,
  source: ModelSource,
  { partial, replaced }: { partial: boolean; replaced: string | undefined },
): { weights: Map<string, WeightRef>; problems: Problem[] } {
  const weights = new Map<string, WeightRef>();
  const problems: Problem[] = [];
  const used = new Set<string>();
  const parameters = family.parameters(config);
  for (const { component } of family.components) {
    const open = components.get(component);
    if (!open) {
      if (!partial) problems.push(absent(component, family.components));
      continue;
    }
    const own = parameters.filter((p) => p.name.startsWith(`${component}.`));
    const keys = family.keys(config, component, open.tensors);
    const resolution = resolveParameters(component, own, keys, open.tensors, open.prefix);
    problems.push(...resolution.problems);
    const spare = (family.unused?.(config) ?? []).filter((p) => p.name.startsWith(`${component}.`));
    const spared = resolveParameters(component, spare, keys, open.tensors, open.prefix);
    for (const { weights: found, used: names } of [resolution, spared]) {
      for (const [name, ref] of found) weights.set(name, ref);
      for (const name of names) used.add(open.prefix + name);
    }
  }
  for (const name of source.tensors.keys()) {
    const known = used.has(name) || family.ignored.some((p) => p.test(name));
    if (!known && !(replaced && name.startsWith(replaced))) problems.push(unexpected(name));
  }
  return { weights, problems };
}

function absent(component: string, layouts: readonly ComponentLayout[]): Problem {
  const prefixes = layouts.find((l) => l.component === component)!.prefixes.filter(Boolean);
  const message = `the ${component} is missing: no tensors under ${prefixes.join(' or ')}`;
  return { kind: 'missing-component', fatal: true, component, stored: prefixes[0]!, message };
}

/** Weights that were passed over, such as a moving average, so that nobody has to guess which are in use. */
function otherWeights({ choices = [] }: ModelSource): Problem[] {
  const [taken, ...others] = choices;
  return others.map((stored) => {
    const message = `the file also holds weights under ${stored}; those under ${taken} are used`;
    return { kind: 'unexpected', fatal: false, component: '', stored, message };
  });
}

function unexpected(stored: string): Problem {
  return { kind: 'unexpected', fatal: false, component: '', stored, message: `${stored} is not part of the model` };
}
