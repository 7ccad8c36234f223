/**
 * What a request asks for and does not get: the one place where that is found, for every face. Each sentence becomes a
 * warning of the job, and the infotext claims none of it.
 */

import { mergesTokens } from '#models/adjust/token-merging';
import { stripComments } from '#prompt/comments';
import { parseCompel } from '#prompt/compel/syntax';
import { isWindowed } from '#prompt/emphasis';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { unclosedBrackets } from '#prompt/unclosed';
import { tagOf } from './adapters.ts';
import { deepestClipSkip, type GenerationJob } from './job.ts';
import { isBlank } from './mask.ts';
import { factsOf } from './parameters-text.ts';
import { fewStepsHint } from './settings/distilled.ts';
import { idleSettings } from './settings/index.ts';
import { textsOf } from './words.ts';

/** One sentence each. */
export function unheeded(job: GenerationJob): string[] {
  const { adapters, controls } = job;
  const own = [...adapters.embeddings.warnings, ...controls.warnings, ...controlsOf(job)];
  const given = [...bracketsOf(job), ...maskOf(job), ...blankMaskOf(job), ...shapeOf(job)];
  const settings = [
    ...given,
    ...clipSkipOf(job),
    ...finisherOf(job),
    ...fewStepsOf(job),
    ...sidesOf(job),
    ...tokenMergingOf(job),
    ...idleSettings(factsOf(job, 0)),
  ];
  return [...networksOf(job), ...own, ...settings];
}

function bracketsOf({ request }: GenerationJob): string[] {
  const { prompt, negativePrompt, emphasis } = request;
  if (isWindowed(emphasis)) return [...new Set(textsOf(request).flatMap((text) => parseCompel(text).notes))];
  const plain = (text: string): string => extractExtraNetworks(stripComments(text)).prompt;
  return [
    ...unclosedBrackets(plain(prompt), 'The prompt'),
    ...unclosedBrackets(plain(negativePrompt), 'The negative prompt'),
  ];
}

/** Of a picture that stands for what the first pass would have drawn. */
function shapeOf({ asked: { init }, passes: [begin] }: GenerationJob): string[] {
  const size = begin?.before && begin.enlarge ? begin.before.size : undefined;
  if (!init || !size || Math.abs(init.width / init.height / (size.width / size.height) - 1) < 0.02) return [];
  const sizes = `The picture is ${init.width} x ${init.height}, the first pass ${size.width} x ${size.height}`;
  return [`${sizes}; the picture was stretched to its shape.`];
}

/** A mask that masks nothing: upstream says so too where only its area is asked for. */
function blankMaskOf({ asked: { init, mask, maskInvert, maskRound, inpaintArea } }: GenerationJob): string[] {
  if (!init || !mask || !isBlank(mask, { invert: maskInvert, round: maskRound })) return [];
  const what = inpaintArea === 'Only masked' ? 'the whole picture was drawn anew' : 'the picture stays as it was';
  return [`The mask masks nothing${maskInvert ? ', inverted as it is' : ''}; ${what}.`];
}

function maskOf({ asked: { init, mask } }: GenerationJob): string[] {
  if (!init || !mask || (init.width === mask.width && init.height === mask.height)) return [];
  const sizes = `The mask is ${mask.width} x ${mask.height}, the picture ${init.width} x ${init.height}`;
  return [`${sizes}; the mask was stretched over it.`];
}

function tokenMergingOf({ passes }: GenerationJob): string[] {
  const idle = passes.filter(({ request, model, latentSize }) => {
    return request.tokenMerging > 0 && !mergesTokens(model.parts.denoiser.graph(latentSize));
  });
  return [...new Set(idle.map(({ model }) => model.reference.name))].map(
    (name) => `Token merging has no effect: ${name} has no attention at its finest level.`,
  );
}

function sidesOf({ asked, request }: GenerationJob): string[] {
  const given = asked.width !== undefined || asked.height !== undefined;
  if (asked === request || !given || (asked.width === request.width && asked.height === request.height)) return [];
  return [`Width and height have no effect: outpainting paints its canvas of ${request.width} x ${request.height}.`];
}

function controlsOf({ controls, handOver }: GenerationJob): string[] {
  if (controls.units.length === 0 || !handOver) return [];
  return ['Control acts until the refiner takes over.'];
}

function networksOf(job: GenerationJob): string[] {
  const { request, adapters } = job;
  const sentences = adapters.leftOut.map(({ tag, reason }) => `${tag} is left out: ${reason}`);
  sentences.push(...adapters.warnings, ...networksOfOthers(job));
  // Upstream does not look for them there either.
  const negative = extractExtraNetworks(stripComments(request.negativePrompt)).networks.map(tagOf).join(' ');
  if (negative !== '') sentences.push(`${negative} in the negative prompt is read as words.`);
  return sentences;
}

/** Of second passes and refiners, where it is not what was said of the first. */
function networksOfOthers({ passes, adapters }: GenerationJob): string[] {
  const others = passes.flatMap(({ model, adapters: own, handOver }) => [
    { model, own },
    ...(handOver ? [{ model: handOver.pass.model, own: handOver.pass.adapters }] : []),
  ]);
  const known = new Set(adapters.leftOut.map(({ tag }) => tag));
  return others.flatMap(({ model, own }) =>
    own === adapters
      ? []
      : own.leftOut
          .filter(({ tag }) => !known.has(tag))
          .map(({ tag, reason }) => `${tag} is left out with ${model.reference.name}: ${reason}`),
  );
}

/** A refiner that is to draw from noise alone. */
function finisherOf({ asked, model }: GenerationJob): string[] {
  if (!model.parts.finishesOnly || asked.init) return [];
  const { name } = model.reference;
  return [`${name} was trained to finish pictures: take a base model, and ${name} as its refiner.`];
}

/** LoRAs that were distilled to few steps, as their names say, under usual guidance. */
function fewStepsOf({ request, adapters }: GenerationJob): string[] {
  return adapters.loras.flatMap((name) => {
    const hint = fewStepsHint(name, request);
    return hint === undefined ? [] : [`${name} ${hint}`];
  });
}

function clipSkipOf({ request, model }: GenerationJob): string[] {
  const deepest = deepestClipSkip(request, model.parts.limits);
  if (request.clipSkip <= deepest) return [];
  return [`Clip skip ${request.clipSkip} is more than this model's text encoder has; ${deepest} was taken.`];
}
