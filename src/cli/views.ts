/**
 * How records look in a terminal. What has no view of its own is shown by its schema: a list as columns of its plain
 * fields, one record as a line for each field.
 */

import { z } from 'zod';
import type { Operation } from '#api/operation';
import type { OperationName, Operations } from '#api/operations/index';
import { jobSchema, type queueStateSchema } from '#api/records/job';
import { jobStates } from '#api/records/job-state';
import { modelSchema, trashedModelSchema } from '#api/records/model';
import { pictureSchema } from '#api/records/picture';
import { toldStarterSchema } from '#api/records/pull';
import { tokenSchema, userSchema } from '#api/records/user';
import { columns, formatBytes, formatTime, oneLine } from './terminal.ts';

type Job = z.output<typeof jobSchema>;
type Picture = z.output<typeof pictureSchema>;
type Model = z.output<typeof modelSchema>;
type QueueState = z.output<typeof queueStateSchema>;

/** A record in a list. */
interface RecordView {
  readonly heading: readonly string[];
  row(record: never): string[];
}

const recordViews = new Map<z.ZodType, RecordView>([
  view(jobSchema, ['JOB', 'STATE', 'DONE', 'USER', 'CREATED', 'PROMPT'], jobRow),
  view(pictureSchema, ['PICTURE', 'CREATED', 'SIZE', 'STARS', 'FILE', 'PROMPT'], pictureRow),
  view(modelSchema, ['MODEL', '   SIZE', 'HASH', 'WHAT'], modelRow),
  view(trashedModelSchema, ['ID', '   SIZE', 'REMOVED', 'MODEL'], ({ id, bytes, removedAt, title }) => [
    id,
    formatBytes(bytes).padStart(7),
    formatTime(removedAt),
    oneLine(title, 100),
  ]),
  view(userSchema, ['USER', 'ROLE', 'SIGNS IN WITH', 'CREATED'], ({ name, role, hasPassword, createdAt }) => [
    name,
    role,
    hasPassword ? 'password' : 'tokens only',
    formatTime(createdAt),
  ]),
  view(tokenSchema, ['TOKEN', 'CREATED', 'ENDS', 'LABEL'], ({ id, createdAt, expiresAt, label }) => [
    id,
    formatTime(createdAt),
    expiresAt === undefined ? 'never runs out' : `until ${formatTime(expiresAt)}`,
    label,
  ]),
  view(toldStarterSchema, ['NAME', 'SIZE', 'MEMORY', 'LICENCE', 'ABOUT'], ({ name, bytes, memory, licence, about }) => [
    name,
    formatBytes(bytes),
    memory ? formatBytes(memory.usual) : '',
    licence,
    about,
  ]),
]);

function view<S extends z.ZodType>(
  schema: S,
  heading: readonly string[],
  row: (record: z.output<S>) => string[],
): [S, RecordView] {
  return [schema, { heading, row }];
}

/** What a record's view cannot say. */
interface OperationView<Op extends Operation> {
  /** In place of what the record's view makes of it. */
  text?(output: z.output<Op['output']>, input: z.output<Op['input']>): string;
  /** Beside the results. */
  note?(output: z.output<Op['output']>): string | undefined;
  /** Whether the command fails although it was carried out. */
  failed?(output: z.output<Op['output']>): boolean;
}

const operationViews: { readonly [N in OperationName]?: OperationView<Operations[N]> } = {
  getQueue: { text: describeQueue },
  pauseQueue: { text: describeQueue },
  resumeQueue: { text: describeQueue },
  getLine: {
    note: ({ queue, more }) => `${more ? 'Only the first of those that wait are shown. ' : ''}${describeQueue(queue)}`,
  },
  getJob: { text: ({ job, images }) => [describe(job), ...images.map(({ path }) => `picture: ${path}`)].join('\n') },
  cancelJobs: { text: ({ cancelled }) => `${cancelled} cancelled` },
  retryJobs: { text: ({ retried }) => `${retried} wait again` },
  clearJobs: { text: ({ removed }) => `${removed} forgotten` },
  getImage: { text: describePicture },
  purgeImages: { text: ({ removed }) => `${removed} removed` },
  rebuildGallery: {
    text: ({ added, kept, away }) => `${added} added, ${kept} kept, ${away} away`,
    note: ({ problems }) => problems.map(({ path, message }) => `${path}: ${message}`).join('\n') || undefined,
  },
  getModel: { text: describeModel },
  hashModel: {
    text: ({ sha256, hashError, path }) => `${sha256 ?? hashError}  ${path}`,
    failed: ({ sha256 }) => sha256 === undefined,
  },
  hashModels: {
    text: ({ models }) => models.map(({ sha256, hashError, path }) => `${sha256 ?? hashError}  ${path}`).join('\n'),
    failed: ({ models }) => models.some(({ sha256 }) => sha256 === undefined),
  },
  purgeModel: { text: (_output, { id }) => `${id} removed for good` },
  removeUser: { text: (_output, { name }) => `${name} removed` },
  removeBoard: { text: () => 'removed' },
  issueToken: { text: ({ token }) => token },
  revokeToken: { text: () => 'revoked' },
};

export interface Told {
  readonly heading?: readonly string[];
  /** Of a list: cells by row. */
  readonly rows?: readonly (readonly string[])[];
  readonly text?: string;
  readonly note?: string;
  readonly failed: boolean;
}

/**
 * One result for people.
 * @param inList as a row although the operation shows one record at length
 */
export function tell(name: OperationName, row: Operation, output: unknown, input: unknown, inList = false): Told {
  const own: OperationView<Operation> | undefined = inList ? undefined : operationViews[name];
  const facts = { note: own?.note?.(output), failed: own?.failed?.(output) ?? false };
  if (own?.text) return { ...facts, text: own.text(output, input as never) };
  if (output === undefined) return { ...facts, text: 'done' };
  const list = listOf(row, output);
  const recordView = recordViews.get(list?.schema ?? row.output) ?? (list && plainView(list));
  if (!recordView) return { ...facts, text: describe(output) };
  const records = list?.items ?? [output];
  return { ...facts, heading: recordView.heading, rows: records.map((record) => recordView.row(record as never)) };
}

interface List {
  readonly name: string;
  /** Of an item. */
  readonly schema: z.ZodType;
  /** Or of names alone. */
  readonly ofRecords: boolean;
  readonly items: readonly unknown[];
}

/** The list that an answer is, which is then its first field; undefined for a record of its own. */
export function listOf({ output: schema }: Pick<Operation, 'output'>, output: unknown): List | undefined {
  if (!(schema instanceof z.ZodObject) || recordViews.has(schema)) return undefined;
  const [name, field] = Object.entries(schema.shape)[0] ?? [];
  if (name === undefined || !(field instanceof z.ZodArray)) return undefined;
  const { element } = field;
  const ofRecords = element instanceof z.ZodObject;
  if (!ofRecords && !(element instanceof z.ZodString)) return undefined;
  const items = (output as Record<string, readonly unknown[]>)[name] ?? [];
  return { name, schema: element, ofRecords, items };
}

function plainView({ name, schema }: List): RecordView {
  if (!(schema instanceof z.ZodObject)) return { heading: [name.toUpperCase()], row: (text: string) => [text] };
  const names = Object.keys(schema.shape);
  const cell = (value: unknown) => (Array.isArray(value) ? value.join(', ') : oneLine(String(value ?? '')));
  return {
    heading: names.map((name) => name.toUpperCase()),
    row: (record: Record<string, unknown>) => names.map((name) => cell(record[name])),
  };
}

/** One line a field; what is empty is left out. */
function describe(record: unknown): string {
  const lines = Object.entries(record as Record<string, unknown>).flatMap(([name, value]) => {
    const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
    return value === undefined || text === '' || text === '[]' || text === '{}' ? [] : [`${name}: ${text}`];
  });
  return lines.join('\n');
}

function facts(entries: readonly (readonly [string, string | undefined])[]): string {
  return entries.flatMap(([label, value]) => (value ? [`${label}: ${value}`] : [])).join('\n');
}

function jobRow(job: Job): string[] {
  const { id, state, priority, user, delivered, total, createdAt, request, error, cancelRequested, label, kind } = job;
  const shown = cancelRequested ? 'stopping' : state;
  const what = label ?? String(request.prompt ?? kind);
  const about = error ? `${oneLine(what, 40)}: ${oneLine(error.message, 100)}` : oneLine(what);
  const rank = priority === 0 ? [] : [`priority ${priority}`];
  return [id, shown, `${delivered}/${total}`, user, formatTime(createdAt), ...rank, about];
}

function describeQueue({ paused, reason, counts }: QueueState): string {
  const some = jobStates.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`);
  const jobs = some.length === 0 ? 'no jobs' : some.join(', ');
  return paused ? `The queue is paused${reason === undefined ? '' : ` (${reason})`}: ${jobs}.` : `The queue: ${jobs}.`;
}

function pictureRow({ id, createdAt, width, height, rating, tags, prompt, file, path }: Picture): string[] {
  const stars = '*'.repeat(rating).padEnd(5);
  const marks = tags.length === 0 ? '' : ` [${tags.join(', ')}]`;
  return [id, formatTime(createdAt), `${width}x${height}`, stars, file ?? path, `${oneLine(prompt, 50)}${marks}`];
}

function describePicture(image: Picture): string {
  const { rating, tags, boards, trashedAt, job, user, bytes, format, infotext } = image;
  const head = facts([
    ['file', image.file ?? image.path],
    ['made', `${formatTime(image.createdAt)} by ${user}${job === undefined ? '' : ` (job ${job})`}`],
    ['size', `${image.width}x${image.height}, ${format}, ${bytes} bytes`],
    ['rating', rating === 0 ? 'none' : String(rating)],
    ['tags', tags.join(', ') || 'none'],
    ['boards', boards.join(', ') || undefined],
    ['in the trash since', trashedAt === undefined ? undefined : formatTime(trashedAt)],
  ]);
  return `${head}\ninfotext:${infotext === '' ? ' none' : `\n  ${infotext.replaceAll('\n', '\n  ')}`}`;
}

function modelRow({ name, bytes, shortHash, about, problem, card, embedded }: Model): string[] {
  const what = problem ?? about.replace(/^an? /, '');
  const words = card.triggerWords === undefined ? '' : ` (${card.triggerWords.join(', ')})`;
  const size = formatBytes(bytes).padStart(7);
  return [name, size, shortHash ?? '', oneLine(`${what}${embedded ? ', comes with Darkroom' : ''}${words}`, 100)];
}

function describeModel(model: Model): string {
  const { card, trainedTags } = model;
  const trained = trainedTags.slice(0, 10).map(([tag, count]) => `${tag} (${count})`);
  return facts([
    ['name', model.name],
    ['file', model.path],
    ['what', model.about],
    ['problem', model.problem],
    ['kind', model.kind],
    ['family', model.family],
    ['variant', model.variant],
    ['size', formatBytes(model.bytes)],
    ['parameters', model.parameters === 0 ? undefined : model.parameters.toLocaleString('en-US')],
    ['changed', formatTime(model.modifiedAt)],
    ['sha256', model.sha256 ?? model.hashError ?? 'not computed yet (darkroom library hash)'],
    ['short hash', model.shortHash],
    ['AutoV3', model.autoV3],
    ['trigger words', card.triggerWords?.join(', ')],
    ['weight', card.preferredWeight?.toString()],
    ['negative prompt', card.negativePrompt],
    ['base model', card.baseModel],
    ['licence', card.licence],
    ['source', card.source],
    ['tags', card.tags?.join(', ')],
    ['trained on', trained.join(', ')],
    ['preview', model.hasPreview ? 'yes' : 'no'],
    ['description', card.description && oneLine(card.description, 400)],
    ['notes', card.notes && oneLine(card.notes, 400)],
  ]);
}

/** Lines of a list, with headings where a person reads them. */
export function linesOf({ heading, rows = [] }: Told, withHeading: boolean): string[] {
  if (rows.length === 0) return [];
  return columns(withHeading && heading ? [heading, ...rows] : rows);
}
