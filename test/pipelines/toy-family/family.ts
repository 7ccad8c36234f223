/**
 * A model family outside of the sources: velocity, six latent channels, two text encoders with a tokenizer of their own
 * (letters), a pooled text and the picture's size as a further input. Nothing in `src` knows of it.
 */

import type { Condition, ModelFamily } from '#models/family';
import { sameName } from '#models/keys';
import { type DeclaredParameter, Scope } from '#models/nn/scope';
import { hasBelow } from '#models/tensor-table';
import { noiseTableOf } from '#models/training-noise';
import type { Tokenizer } from '#prompt/tokenizer';
import {
  channels,
  decoder,
  denoiser,
  encoder,
  factor,
  firstText,
  pooledWidth,
  positions,
  secondText,
  textWidth,
  vocabulary,
} from './networks.ts';

const endId = vocabulary - 1;

const letters: Tokenizer = {
  encode: (text) => [...text.toLowerCase()].map((letter) => Math.min(letter.codePointAt(0)!, endId - 2)),
  startId: endId - 1,
  endId,
  vocabularySize: vocabulary,
};

/** Pictures are about this wide. */
const usualSide = 64;

function feeds({ pooled, size, negative }: Condition): Record<string, Float32Array> {
  const text = negative ? new Float32Array(pooledWidth) : pooled['text_b']!;
  return { vector: Float32Array.from([...text, size.width / usualSide, size.height / usualSide]) };
}

function parameters(): readonly DeclaredParameter[] {
  const scope = new Scope();
  firstText(scope.child('text_a'));
  secondText(scope.child('text_b'));
  denoiser(undefined, scope.child('net'));
  encoder(undefined, scope.child('pix'));
  decoder(undefined, scope.child('pix'));
  return scope.declared();
}

const component = (name: string) => ({ component: name, prefixes: [`${name}.`], recognise: () => true });

export const toy: ModelFamily<object> = {
  id: 'toy',
  title: 'Toy',
  matches: ({ tensors }) => hasBelow(tensors, 'net.know.') && hasBelow(tensors, 'pix.'),
  variants: [undefined],
  components: ['net', 'pix', 'text_a', 'text_b'].map(component),
  configOfSingleFile: () => ({}),
  configOfFolder: () => ({}),
  withVae: (config) => config,
  keys: () => sameName,
  parameters,
  ignored: [],
  parts: () => ({
    latent: { channels, scale: 0.5, factor },
    prediction: 'v',
    noiseTable: (zeroTerminal) =>
      noiseTableOf({ kind: 'scaled-linear', betaStart: 0.001, betaEnd: 0.02, steps: 500 }, zeroTerminal),
    limits: { defaultSize: { width: 64, height: 48 }, sizeMultiple: factor, gridMultiple: factor, maxClipSkip: 1 },
    textEncoders: [
      {
        component: 'text_a',
        positions,
        width: textWidth,
        padId: endId,
        tokenizer: () => letters,
        graph: () => firstText(),
      },
      {
        component: 'text_b',
        positions,
        width: textWidth,
        pooledWidth,
        padId: 0,
        tokenizer: () => letters,
        graph: () => secondText(),
      },
    ],
    denoiser: {
      component: 'net',
      contextWidth: 2 * textWidth,
      inChannels: channels,
      extraInput: 'none',
      feeds,
      graph: (size) => denoiser(size),
      bindings: ({ height, width }) => ({ rows: height, columns: width }),
    },
    autoencoder: {
      component: 'pix',
      encoderGraph: (size) => encoder(size),
      decoderGraph: (size) => decoder(size),
    },
  }),
};
