/** Prints what the calls of one command answered: lists with headings on a terminal, JSON lines for programs. */

import type { Operation } from '#api/operation';
import type { OperationName } from '#api/operations/index';
import { modelRoots } from '#studio/library/roots';
import type { CommandContext } from './command.ts';
import { usesModels, type Verb, type VerbOptions } from './verb.ts';
import { linesOf, listOf, type Told, tell } from './views.ts';

export class Shower {
  readonly #verb: Verb;
  readonly #options: VerbOptions;
  readonly #context: CommandContext;
  #shown = 0;
  #heading = true;
  #total: number | undefined;
  #list: string | undefined;
  #note: string | undefined;

  constructor(verb: Verb, options: VerbOptions, context: CommandContext) {
    this.#verb = verb;
    this.#options = options;
    this.#context = context;
  }

  /** @param inList as a row although the operation shows one record at length */
  add(name: OperationName, row: Operation, output: unknown, input: unknown, inList = false): void {
    const list = listOf(row, output);
    this.#shown += list?.items.length ?? 1;
    this.#list = list?.name;
    this.#total = (output as { total?: number } | undefined)?.total;
    const told = tell(name, row, output, input, inList);
    if (told.failed) this.#context.exitCode = 1;
    this.#note = told.note;
    if (this.#options.json) this.#printJson(output, list?.ofRecords ? list.items : undefined, input);
    else this.#print(told);
  }

  #printJson(output: unknown, items: readonly unknown[] | undefined, input: unknown): void {
    const done = { done: this.#verb.name, ...(input as object) };
    for (const each of items ?? [output ?? done]) this.#context.output.result(JSON.stringify(each));
  }

  #print(told: Told): void {
    const { output } = this.#context;
    if (told.text !== undefined && told.text !== '') output.result(told.text);
    if (told.rows === undefined) return;
    for (const line of linesOf(told, output.shown === true && this.#heading)) output.result(line);
    this.#heading = false;
  }

  /** Says how many there are, or that there are none. */
  end(): void {
    const { output } = this.#context;
    if (this.#options.json) return;
    if (this.#note !== undefined) output.note(this.#note);
    else if (this.#total !== undefined) {
      const things = this.#list === 'images' ? 'pictures' : this.#list;
      output.note(`${this.#shown} of ${this.#total} ${things}`);
    } else if (this.#shown === 0 && this.#list !== undefined) {
      const where = usesModels(this.#verb) ? ` in ${modelRoots(this.#options.modelsDir).join(', ')}` : '';
      output.note(`No such ${this.#list}${where}.`);
    }
  }
}
