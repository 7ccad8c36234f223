/** The texts of the page without a server; English alone. */

import { fileSize } from '../web/words/figures.ts';

export const words = {
  title: 'Darkroom',
  note: 'Draws and trains on this computer’s graphics card. There is no server: nothing leaves this page.',
  noWebGpu:
    'This browser has no WebGPU. A current Chrome, Edge, Safari or Firefox has it; on Linux it may need a flag.',
  model: 'Model',
  openModel: 'Open a model from disk…',
  reading: (bytes: number, total: number | undefined) =>
    `Reading the model: ${fileSize(bytes)}${total === undefined ? '' : ` of ${fileSize(total)}`}`,
  loading: (part: string, bytes: number | undefined) =>
    `Loading ${part.replaceAll(/[_.]/g, ' ')}${bytes ? `, ${fileSize(bytes)}` : ''}…`,
  step: (step: number, steps: number) => `Step ${step} of ${steps}`,
  draw: 'New picture',
  prompt: 'Prompt',
  generate: 'Generate',
  stop: 'Stop',
  preview: 'The picture so far',
  savePicture: 'Save the picture',
  infotext: 'How it was made',
  train: 'Teach it something',
  trainNote: 'A few pictures of one thing or one style, and a word for it. The result is a LoRA.',
  pictures: 'Pictures',
  choosePictures: 'Choose pictures, or drop them here',
  caption: 'What they show',
  captionHint: 'Said of every picture, such as: a zorb',
  name: 'Name of the result',
  nameHint: 'Letters, digits and _',
  trainNow: 'Train',
  remove: (name: string) => `Leave out ${name}`,
  saveLora: (name: string) => `Save ${name}.safetensors`,
  lastLoss: (loss: number) => `Loss of the last step: ${loss.toPrecision(6)}`,
  trained: (name: string) => `Prompts with <lora:${name}:1> use it.`,
  badPicture: (name: string) => `${name} is no picture that this browser opens.`,
};
