/** Commands that make a model file of others: arguments and flags are the fields of the work's request. */

import path from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type ModelWorkKind, modelWorkRequests } from '#api/records/model-work';
import { modelRoots } from '#studio/library/roots';
import { type Made, type MakeContext, type MakeRequest, modelMakers } from '#studio/model-work/make';
import { type CommandContext, modelsOption } from './command.ts';
import { addFlags, fieldsOf, givenFlags, readFields } from './fields.ts';
import { watchInterrupt } from './interrupt.ts';
import { formatBytes } from './terminal.ts';

interface MakeFlags extends Record<string, unknown> {
  /** Of those without a target among their arguments. */
  readonly out?: string;
  readonly force?: boolean;
  readonly modelsDir?: string[];
  readonly json?: boolean;
}

export interface ModelWorkCommand {
  readonly kind: ModelWorkKind;
  /** Fields that are arguments; `target` is where it is written to, which is a flag otherwise. */
  readonly usage: readonly string[];
  /** Flag of the target. */
  readonly targetFlag?: string;
  readonly examples: string;
}

export function defineModelWork(command: Command, row: ModelWorkCommand, context: CommandContext): void {
  const { kind, usage, targetFlag, examples } = row;
  const { name: _name, ...shape }: Record<string, z.ZodType> = modelWorkRequests[kind].shape;
  const schema = z.object(shape);
  const fields = fieldsOf(schema);
  const names = usage.map((each) => each.replaceAll(/[<>[\]]/g, ''));
  for (const [i, name] of names.entries()) {
    const field = fields.find((each) => each.name === name);
    command.argument(usage[i]!, field?.facts.description ?? 'File (.safetensors, .gguf) or folder to write.');
  }
  if (targetFlag !== undefined) command.requiredOption(`--${targetFlag} <file>`, 'File to write (.safetensors).');
  const flags = fields.filter(({ name }) => !names.includes(name));
  addFlags(command, flags);
  command
    .option('--force', 'Replace what is there.')
    .addOption(modelsOption())
    .option('--json', 'Print one JSON object.')
    .addHelpText('after', `\nExamples:\n${examples}`)
    .action(async (...given: unknown[]) => {
      const options = command.opts<MakeFlags>();
      const texts = Object.fromEntries(names.map((name, i) => [name, given[i]]));
      const target = String(targetFlag === undefined ? texts.target : options[targetFlag]);
      const request = readFields(schema, fields, { ...givenFlags(flags, options), ...texts }, (field) =>
        names.includes(field.name) ? field.name : `--${field.flag}`,
      );
      await make(kind, request, path.resolve(target), options, context);
    });
}

async function make(
  kind: ModelWorkKind,
  request: MakeRequest<ModelWorkKind>,
  to: string,
  { force, modelsDir, json }: MakeFlags,
  context: CommandContext,
): Promise<void> {
  const { output } = context;
  const interrupt = watchInterrupt();
  const run = modelMakers[kind] as (
    request: MakeRequest<ModelWorkKind>,
    context: MakeContext,
  ) => Promise<Made | undefined>;
  try {
    const made = await run(request, { to, roots: modelRoots(modelsDir), force, signal: interrupt.signal });
    if (!made) {
      output.note('Stopped; nothing was written.');
      context.exitCode = interrupt.exitCode;
    } else if (json) output.result(JSON.stringify({ file: to, ...made }));
    else {
      for (const note of made.notes) output.note(note);
      output.result(to);
      output.note(`${formatBytes(made.bytes)} written.`);
    }
  } finally {
    interrupt.release();
  }
}
