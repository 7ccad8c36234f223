/** `darkroom extract`: a LoRA from the difference of two checkpoints. */

import type { Command } from 'commander';
import type { CommandContext } from '../command.ts';
import { defineModelWork } from '../model-work.ts';

export function define(command: Command, context: CommandContext): void {
  defineModelWork(command, { kind: 'extract', usage: ['<tuned>', '<base>'], targetFlag: 'to', examples }, context);
}

const examples = `\
  darkroom extract my-finetune v1-5 --rank 32 --to my-style.safetensors
  darkroom extract my-finetune v1-5 --rank 64 --conv-rank 32 --to my-style-full.safetensors`;
