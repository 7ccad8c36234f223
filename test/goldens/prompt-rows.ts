/** Checks of numeric/{tokenizer,prompts,infotext}.json: text is compared exactly (error 0 or infinite), weights to 1e-12. */

import { isDeepStrictEqual } from 'node:util';
import { parseAttention } from '#prompt/attention';
import { stripComments } from '#prompt/comments';
import { splitComposition } from '#prompt/composition';
import { planPrompt } from '#prompt/encode-plan';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { parseInfotext, readPairs } from '#prompt/infotext';
import { quoteValue, unquoteValue } from '#prompt/infotext-values';
import { writeInfotext } from '#prompt/infotext-writer';
import { schedulePrompt } from '#prompt/schedule';
import { applyStyles, extractStyle } from '#prompt/styles';
import { createClipTokenizer, padWindow } from '#prompt/tokenizer';
import { partsOf, type WriteGolden } from './infotext-fields.ts';
import { absoluteError, type RowCheck } from './row-check.ts';

const exact = (name: string, got: unknown, want: unknown): RowCheck => ({
  name,
  error: isDeepStrictEqual(got, want) ? 0 : Number.POSITIVE_INFINITY,
  tolerance: 0,
});
const title = (section: string, text: string): string => `${section} ${JSON.stringify(text).slice(0, 60)}`;

interface TokenizerFile {
  readonly special: { readonly pad: number };
  readonly cases: readonly {
    readonly text: string;
    readonly ids: number[];
    readonly padded: number[];
    readonly ids_ftfy?: number[];
  }[];
}

export function* checkTokenizer({ special, cases }: TokenizerFile): Generator<RowCheck> {
  const tokenizer = createClipTokenizer({ clean: false });
  const cleaning = createClipTokenizer();
  for (const c of cases) {
    const ids = tokenizer.encode(c.text);
    yield exact(title('ids_ftfy', c.text), cleaning.encode(c.text), c.ids_ftfy ?? c.ids);
    yield exact(title('ids', c.text), ids, c.ids);
    yield exact(title('padded', c.text), padWindow(ids, tokenizer, special.pad), c.padded);
  }
}

interface PromptsFile {
  readonly attention: readonly { text: string; result: [string, number][] }[];
  readonly chunking: readonly {
    text: string;
    comma_backtrack: number;
    token_count: number;
    chunks: { ids: number[]; weights: number[] }[];
  }[];
  readonly scheduling: readonly ScheduleRow[];
  readonly scheduling_hires: readonly ScheduleRow[];
  readonly composable: readonly { text: string; result: [string, number][] }[];
  readonly extra_networks: readonly { text: string; cleaned: string; networks: unknown }[];
  readonly extra_networks_batch: { prompts: string[]; cleaned: string[]; networks_used: unknown };
  readonly styles: readonly { prompt: string; styles: string[]; result: string }[];
  readonly style_extraction: readonly { style: string; prompt: string; matched: boolean; result: string }[];
  readonly comments: readonly { text: string; result: string }[];
}

interface ScheduleRow {
  readonly text: string;
  readonly steps: number;
  readonly hires_steps: number | null;
  readonly use_old_scheduling: boolean;
  readonly result: [number, string][];
}

export function* checkPrompts(file: PromptsFile): Generator<RowCheck> {
  yield* checkWeighted('attention', file.attention, parseAttention);
  yield* checkWeighted('composable', file.composable, splitComposition);
  yield* checkChunks(file);
  for (const c of [...file.scheduling, ...file.scheduling_hires]) {
    const options = { steps: c.steps, hiresSteps: c.hires_steps ?? undefined, oldScheduling: c.use_old_scheduling };
    const got = schedulePrompt(c.text, options).map((e) => [e.until, e.text]);
    yield exact(title('scheduling', c.text), got, c.result);
  }
  for (const c of file.extra_networks) {
    const { prompt, networks } = extractExtraNetworks(c.text);
    yield exact(title('extra_networks', c.text), plain({ prompt, networks }), {
      prompt: c.cleaned,
      networks: c.networks,
    });
  }
  const { prompts, cleaned, networks_used } = file.extra_networks_batch;
  const batch = prompts.map(extractExtraNetworks);
  // A batch shares one model, whose networks are those of the first prompt.
  const networks = batch[0]!.networks.map(({ kind, args }) => ({ kind, args: [...args] }));
  yield exact('extra_networks_batch', [batch.map(({ prompt }) => prompt), networks], [cleaned, networks_used]);
  for (const c of file.styles) yield exact(title('styles', c.prompt), applyStyles(c.prompt, c.styles), c.result);
  for (const c of file.style_extraction) {
    yield exact(title('style_extraction', c.prompt), extractStyle(c.prompt, c.style), c.matched ? c.result : undefined);
  }
  for (const c of file.comments) yield exact(title('comments', c.text), stripComments(c.text), c.result);
}

/** Without prototypes and undefined fields, as JSON holds it. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function* checkWeighted(
  section: string,
  rows: readonly { text: string; result: [string, number][] }[],
  parse: (text: string) => readonly { text: string; weight: number }[],
): Generator<RowCheck> {
  for (const c of rows) {
    const got = parse(c.text);
    yield exact(
      title(section, c.text),
      got.map(({ text }) => text),
      c.result.map(([text]) => text),
    );
    const error = absoluteError(
      got.map(({ weight }) => weight),
      c.result.map(([, weight]) => weight),
    );
    yield { name: `${title(section, c.text)} weights`, error, tolerance: 1e-12 };
  }
}

function* checkChunks({ chunking }: PromptsFile): Generator<RowCheck> {
  const tokenizer = createClipTokenizer();
  for (const c of chunking) {
    const plan = planPrompt(c.text, { tokenizer, padId: tokenizer.endId, commaBacktrack: c.comma_backtrack });
    const name = title('chunking', c.text);
    yield exact(
      name,
      [plan.tokenCount, plan.chunks.map(({ ids }) => [...ids])],
      [c.token_count, c.chunks.map(({ ids }) => ids)],
    );
    const error = absoluteError(
      plan.chunks.flatMap((k) => [...k.multipliers]),
      c.chunks.flatMap((k) => k.weights),
    );
    yield { name: `${name} weights`, error, tolerance: 1e-12 };
  }
}

interface InfotextFile {
  readonly parse: readonly { text: string; raw_pairs_in_last_line: [string, string][]; result: unknown }[];
  readonly write: readonly WriteGolden[];
  readonly quoting: readonly { value: string; quoted: string; unquoted: string }[];
}

export function* checkInfotext(file: InfotextFile): Generator<RowCheck> {
  for (const c of file.parse) {
    yield exact(title('pairs', c.text), plain(readPairs(c.text.trim().split('\n').at(-1)!)), c.raw_pairs_in_last_line);
    yield exact(title('parse', c.text), plain(parseInfotext(c.text)), c.result);
  }
  for (const c of file.write) {
    const text = writeInfotext(partsOf(c));
    yield exact(title('write', c.text), text, c.text);
    yield exact(title('reparsed', c.text), plain(parseInfotext(text)), c.reparsed);
  }
  for (const c of file.quoting) {
    yield exact(title('quoting', c.value), [quoteValue(c.value), unquoteValue(c.quoted)], [c.quoted, c.unquoted]);
  }
}
