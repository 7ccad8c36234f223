/** `darkroom merge`: a checkpoint made of two or three, or of one with a VAE or LoRAs put into it. */

import type { Command } from 'commander';
import type { CommandContext } from '../command.ts';
import { defineModelWork } from '../model-work.ts';

export function define(command: Command, context: CommandContext): void {
  defineModelWork(command, { kind: 'merge', usage: ['<a>', '[b]'], targetFlag: 'to', examples }, context);
}

const examples = `\
  darkroom merge a.safetensors b.safetensors --multiplier 0.4 --to ab.safetensors
  darkroom merge base inpainting --difference v1-5 --multiplier 1 --to base-inpainting.safetensors --half
  darkroom merge base --lora style:0.8 --vae better.vae.safetensors --to base-style.safetensors`;
