/** `darkroom queue`: the jobs of a studio, seen and ordered from the terminal, beside a running server or without one. */

import path from 'node:path';
import { type Command, Option } from 'commander';
import { UserError } from '#core/errors';
import { endStates, type Job, type JobState, jobStates, type Place, type QueueState } from '#studio/queue/job';
import type { SqliteJobQueue } from '#studio/queue/sqlite-queue';
import { InputFiles } from '#studio/work/inputs';
import type { CommandContext } from '../command.ts';
import { addFolderOptions, type FolderOptions, type OpenStudioFolder, withStudioFolder } from '../studio-folder.ts';
import { columns, formatTime, type Output, oneLine } from '../terminal.ts';
import { wholeNumber } from '../whole-number.ts';

interface CommonOptions extends FolderOptions {
  readonly json?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly state?: JobState[];
  readonly user?: string;
  readonly limit: string;
}

/** Most jobs that one call of the queue returns. */
const pageSize = 1000;

export function define(command: Command, { output }: CommandContext): void {
  const sub = (usage: string, summary: string): Command =>
    addFolderOptions(command.command(usage).description(summary)).option('--json', 'Print one JSON object a line.');
  defineViews(sub, output);
  defineChanges(sub, output);
  defineOrder(sub, output);
}

type Sub = (usage: string, summary: string) => Command;

function defineViews(sub: Sub, output: Output): void {
  sub('list', 'Jobs: those that run, those that wait in their order, and the last that ended.')
    .addOption(new Option('--state <states...>', 'Only these.').choices(jobStates))
    .option('--user <name>', 'Only this account’s.')
    .option('--limit <n>', 'At most so many of the ended ones.', '20')
    .action(async (options: ListOptions) => {
      await withStudioFolder(options, async ({ queue }) => await list(queue, options, output));
    });
  sub('state', 'Whether the queue is paused, and how many jobs there are.').action(async (options: CommonOptions) => {
    const state = await withStudioFolder(options, async ({ queue }) => await queue.state());
    output.result(options.json ? JSON.stringify(state) : describeState(state));
  });
}

function defineChanges(sub: Sub, output: Output): void {
  sub('pause [jobs...]', 'Hold waiting jobs; without any, nothing more is begun until resume.').action(
    async (ids: string[], options: CommonOptions) => {
      await eachOrAll(ids, options, output, (queue) => queue.pause(), one('pauseJobs', ['queued']));
    },
  );
  sub('resume [jobs...]', 'Let held jobs, or the whole queue, go on.').action(
    async (ids: string[], options: CommonOptions) => {
      await eachOrAll(ids, options, output, (queue) => queue.resume(), one('resumeJobs', ['paused']));
    },
  );
  sub('cancel [jobs...]', 'End jobs; a running one stops after its step, and keeps its finished pictures.')
    .option('--all', 'Every job that waits or runs.')
    .action(async (ids: string[], options: CommonOptions & { all?: boolean }) => {
      await chosen(ids, options.all, '--all', ['running', 'queued', 'paused'], options, output, cancelOne);
    });
  sub('retry [jobs...]', 'Let failed or cancelled jobs wait again; pictures that are there are not made twice.')
    .option('--failed', 'Every job that failed.')
    .action(async (ids: string[], options: CommonOptions & { failed?: boolean }) => {
      const retry: OneJob = async (queue, id) => await queue.retry(id);
      await chosen(ids, options.failed, '--failed', ['failed'], options, output, retry);
    });
  sub('clear', 'Forget ended jobs; their pictures stay.')
    .addOption(new Option('--state <states...>', 'Only these.').choices(endStates))
    .action(async (options: CommonOptions & { state?: JobState[] }) => {
      const removed = await withStudioFolder(options, async (folder) => await clear(folder, options.state));
      output.result(options.json ? JSON.stringify({ removed }) : `${removed} forgotten`);
    });
}

function defineOrder(sub: Sub, output: Output): void {
  sub('move <job> <place> [other]', 'Put a waiting job to the front or back, or before or after another.').action(
    async (id: string, place: string, other: string | undefined, options: CommonOptions) => {
      const where = placeOf(place, other);
      const job = await withStudioFolder(options, async ({ queue }) => await queue.move(id, where));
      show([job], options.json, output);
    },
  );
  sub(
    'priority <job> <n>',
    'Higher goes first; a job has 0 unless it was given another. For less than 0: -- <job> <n>',
  ).action(async (id: string, text: string, options: CommonOptions) => {
    const priority = wholeNumber('The priority', text, -1000, 1000);
    const job = await withStudioFolder(options, async ({ queue }) => await queue.setPriority(id, priority));
    show([job], options.json, output);
  });
}

async function list(queue: SqliteJobQueue, { state, user, limit, json }: ListOptions, output: Output): Promise<void> {
  const most = wholeNumber('--limit', limit, 1, pageSize);
  const wanted = (of: readonly JobState[]) => ({
    states: of.filter((each) => state === undefined || state.includes(each)),
    ...(user === undefined ? {} : { user }),
  });
  const running = await queue.list({ ...wanted(['running']), limit: pageSize });
  const waiting = await queue.list({ ...wanted(['queued', 'paused']), order: 'next', limit: pageSize });
  const ended = await queue.list({ ...wanted(endStates), limit: most });
  show([...running.jobs, ...waiting.jobs, ...ended.jobs], json, output);
  if (waiting.cursor !== undefined) output.note(`Only the first ${pageSize} of those that wait are shown.`);
  if (!json) output.note(describeState(await queue.state()));
}

function show(jobs: readonly Job[], json: boolean | undefined, output: Output): void {
  const lines = json ? jobs.map((job) => JSON.stringify(job)) : columns(jobs.map(rowOf));
  for (const line of lines) output.result(line);
}

function rowOf(job: Job): string[] {
  const { id, state, priority, user, delivered, total, createdAt, request, error, cancelRequested } = job;
  const shown = cancelRequested ? 'stopping' : state;
  const about = error ? `${oneLine(request.prompt, 40)}: ${oneLine(error.message, 100)}` : oneLine(request.prompt);
  const rank = priority === 0 ? '' : `priority ${priority}`;
  return [id, shown, `${delivered}/${total}`, user, formatTime(createdAt), ...(rank ? [rank] : []), about];
}

function describeState({ paused, reason, counts }: QueueState): string {
  const some = jobStates.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`);
  const jobs = some.length === 0 ? 'no jobs' : some.join(', ');
  return paused ? `The queue is paused${reason === undefined ? '' : ` (${reason})`}: ${jobs}.` : `The queue: ${jobs}.`;
}

type OneJob = (queue: SqliteJobQueue, id: string) => Promise<Job>;

/** Holds or lets go one job. @throws UserError `job.state` when it is not in a state for that */
function one(verb: 'pauseJobs' | 'resumeJobs', states: readonly JobState[]): OneJob {
  return async (queue, id) => {
    const job = await require(queue, id);
    if (states.includes(job.state)) return (await queue[verb]({ id }))[0] ?? job;
    const done = verb === 'pauseJobs' ? 'paused' : 'resumed';
    throw new UserError('job.state', `Job ${id} is ${job.state}; only ${states.join(' or ')} jobs can be ${done}.`);
  };
}

const cancelOne: OneJob = async (queue, id) => await queue.cancel(id);

async function require(queue: SqliteJobQueue, id: string): Promise<Job> {
  const job = await queue.get(id);
  if (!job) throw new UserError('job.unknown', `There is no job ${id}; darkroom queue list shows them.`);
  return job;
}

async function eachOrAll(
  ids: readonly string[],
  options: CommonOptions,
  output: Output,
  all: (queue: SqliteJobQueue) => Promise<void>,
  each: OneJob,
): Promise<void> {
  await withStudioFolder(options, async ({ queue }) => {
    if (ids.length > 0) return show(await changed(queue, ids, each), options.json, output);
    await all(queue);
    const state = await queue.state();
    output.result(options.json ? JSON.stringify(state) : describeState(state));
  });
}

async function chosen(
  ids: readonly string[],
  every: boolean | undefined,
  flag: string,
  states: readonly JobState[],
  options: CommonOptions,
  output: Output,
  each: OneJob,
): Promise<void> {
  if (ids.length > 0 === (every === true)) {
    throw new UserError('queue.which', `Name the jobs, or give ${flag}.`);
  }
  await withStudioFolder(options, async ({ queue }) => {
    const wanted = ids.length > 0 ? ids : await allIn(queue, states);
    show(await changed(queue, wanted, each), options.json, output);
  });
}

async function allIn(queue: SqliteJobQueue, states: readonly JobState[]): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await queue.list({ states, limit: pageSize, ...(cursor === undefined ? {} : { cursor }) });
    ids.push(...page.jobs.map((job) => job.id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids;
}

/** All jobs are looked up before the first one is changed. */
async function changed(queue: SqliteJobQueue, ids: readonly string[], each: OneJob): Promise<Job[]> {
  for (const id of ids) await require(queue, id);
  const jobs: Job[] = [];
  for (const id of ids) jobs.push(await each(queue, id));
  return jobs;
}

async function clear({ queue, dataDir }: OpenStudioFolder, states: readonly JobState[] | undefined): Promise<number> {
  const removed = await queue.clear(states === undefined ? {} : { states });
  const inputs = new InputFiles(path.join(dataDir, 'inputs'));
  for (const job of removed) await inputs.remove(job.inputs);
  return removed.length;
}

function placeOf(place: string, other: string | undefined): Place {
  if ((place === 'front' || place === 'back') && other === undefined) return place;
  if (place === 'before' && other !== undefined) return { before: other };
  if (place === 'after' && other !== undefined) return { after: other };
  throw new UserError('queue.place', 'A place is front, back, before JOB, or after JOB.');
}
