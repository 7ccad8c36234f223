/** `darkroom convert`: a model in another layout, in another type of numbers, or as ONNX. */

import type { Command } from 'commander';
import type { CommandContext } from '../command.ts';
import { defineModelWork } from '../model-work.ts';

export function define(command: Command, context: CommandContext): void {
  defineModelWork(command, { kind: 'convert', usage: ['<model>', '<target>'], examples }, context);
}

const examples = `\
  darkroom convert v1-5-pruned.ckpt v1-5.safetensors --dtype f16
  darkroom convert v1-5.safetensors v1-5-Q8_0.gguf
  darkroom convert v1-5.safetensors v1-5/ --to diffusers
  darkroom convert v1-5.safetensors v1-5-onnx --to onnx`;
