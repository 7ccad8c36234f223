/** Networks that resemble none of the project's: two text encoders, a denoiser with a vector, a picture coder of factor 4. */

import { add, concat, imageToTokens, input, mean, resizeNearest, sliceAxis, tanh, tokensToImage } from '#graph/build';
import { mulDims, symbol } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { attention } from '#models/nn/attention';
import { batchDim, type ImageSize } from '#models/nn/grid';
import { conv, embedding, linear } from '#models/nn/layers';
import { Scope } from '#models/nn/scope';
import { addToChannels, sinusoids } from '#models/nn/time-embedding';

export const positions = 77;
export const vocabulary = 128;
export const textWidth = 8;
export const pooledWidth = 6;
export const channels = 6;
export const factor = 4;
/** The pooled text, then the picture's width and height. */
export const vectorWidth = pooledWidth + 2;

const openSize = (): ImageSize => ({ height: symbol('rows'), width: symbol('columns') });

function text(scope: Scope): { ids: Value; states: Value } {
  const ids = input('ids', 'i64', [batchDim(), positions]);
  const states = embedding(scope.child('table'), ids, vocabulary, textWidth, 1);
  return { ids, states: tanh(linear(scope.child('mix'), states, textWidth)) };
}

export function firstText(scope = new Scope('text_a')): Graph {
  return closeGraph('text_a', { context: text(scope).states });
}

export function secondText(scope = new Scope('text_b')): Graph {
  const { states } = text(scope);
  const pooled = linear(scope.child('sum'), mean(states, [1], false), pooledWidth);
  return closeGraph('text_b', { context: states, pooled });
}

export function denoiser({ height, width } = openSize(), scope = new Scope('net')): Graph {
  const batch = batchDim();
  const sample = input('sample', 'f32', [batch, channels, height, width]);
  const timestep = input('timestep', 'f32', [batch]);
  const context = input('context', 'f32', [batch, symbol('tokens'), 2 * textWidth]);
  const vector = input('vector', 'f32', [batch, vectorWidth]);
  const wide = 16;
  const known = concat([sinusoids(timestep, wide), vector], 1);
  const x = addToChannels(
    conv(scope.child('in'), sample, wide, { kernel: 3 }),
    linear(scope.child('know'), known, wide),
  );
  const tokens = imageToTokens(x);
  const read = add(tokens, attention(scope.child('read'), tokens, context, { heads: 2 }));
  return closeGraph('net', {
    prediction: conv(scope.child('out'), tanh(tokensToImage(read, height, width)), channels, { kernel: 3 }),
  });
}

export function encoder(size = openSize(), scope = new Scope('pix')): Graph {
  const rows = mulDims(size.height, factor);
  const image = input('image', 'f32', [batchDim(), 3, rows, mulDims(size.width, factor)]);
  const both = conv(scope.child('encode'), image, 2 * channels, { kernel: factor, stride: factor, padding: 0 });
  return closeGraph('pix_encoder', {
    mean: sliceAxis(both, 1, 0, channels),
    logvar: sliceAxis(both, 1, channels, 2 * channels),
  });
}

export function decoder(size = openSize(), scope = new Scope('pix')): Graph {
  const latent = input('latent', 'f32', [batchDim(), channels, size.height, size.width]);
  return closeGraph('pix_decoder', {
    image: resizeNearest(tanh(conv(scope.child('decode'), latent, 3, { kernel: 1 })), factor),
  });
}
