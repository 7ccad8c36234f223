/** `darkroom queue`, beside a studio and without one. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownModule } from '#studio/files/own-module';
import type { PictureJob } from '#studio/queue/job';
import { createStudio, type Studio } from '#studio/studio';
import { cli, cliWith } from './run-cli.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-queue-'));
afterAll(() => rmSync(root, { recursive: true }));

let outputs: string;
let studio: Studio;
let count = 0;
beforeEach(async () => {
  outputs = join(root, String(count++));
  studio = await createStudio({
    dataDir: join(outputs, '.darkroom'),
    outputsDir: outputs,
    engineModule: ownModule(import.meta.url, '../fixtures/fake-engine'),
    modelRoots: [],
  });
  await studio.queue.pause();
});
afterEach(async () => await studio.close());

const submit = async (prompt: string): Promise<string> =>
  (await studio.submit({ request: { prompt, steps: 2 } }))[0]!.id;
const queue = async (...argv: string[]) => await cli('queue', ...argv, '--outputs', outputs);

async function jobs(...argv: string[]): Promise<PictureJob[]> {
  const { code, stdout, stderr } = await queue(...argv, '--json');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout === '' ? [] : stdout.split('\n').map((line) => JSON.parse(line) as PictureJob);
}

const promptsOf = (list: readonly PictureJob[]): string[] => list.map((job) => job.request.prompt);

describe('queue', () => {
  it('lists jobs for people and machines, in the order they will run', async () => {
    const a = await submit('a fox');
    const b = await submit('a tree\nat night');
    await studio.queue.setPriority(b, 3);
    expect(promptsOf(await jobs('list'))).toEqual(['a tree\nat night', 'a fox']);
    const { stdout, stderr } = await queue('list');
    const [first, second] = stdout.split('\n');
    expect(first).toMatch(
      new RegExp(`^${b}  queued  0/1  local  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d  priority 3  a tree at`),
    );
    expect(second).toMatch(new RegExp(`^${a}  queued`));
    expect(stderr).toBe('The queue is paused: 2 queued.');
    expect(await jobs('list', '--state', 'done', 'failed')).toEqual([]);
    expect((await queue('list', '--state', 'lost')).code).toBe(2);
  });

  it('holds, lets go, orders, cancels, retries and clears jobs', async () => {
    const [a, b, c] = [await submit('a'), await submit('b'), await submit('c')];
    expect((await jobs('pause', a))[0]).toMatchObject({ id: a, state: 'paused' });
    expect((await queue('pause', a)).stderr).toMatch(/is paused; only queued or running jobs can be paused/);
    expect((await jobs('resume', a))[0]!.state).toBe('queued');
    await jobs('move', c, 'front');
    await jobs('move', a, 'after', b);
    expect(promptsOf(await jobs('list'))).toEqual(['c', 'b', 'a']);
    await jobs('priority', a, '5');
    expect(promptsOf(await jobs('list'))).toEqual(['a', 'c', 'b']);
    expect((await jobs('cancel', a, b)).map((job) => job.state)).toEqual(['cancelled', 'cancelled']);
    expect((await jobs('retry', b))[0]!.state).toBe('queued');
    expect((await queue('clear', '--state', 'cancelled')).stdout).toBe('1 forgotten');
    expect((await queue('cancel', '--all')).stdout).toBe('2 cancelled');
    expect((await queue('clear', '--json')).stdout).toBe('{"removed":2}');
    expect(await jobs('list')).toEqual([]);
  });

  it('is heard by the studio that is running', async () => {
    const id = await submit('a');
    const reset = new Promise((resolve) => studio.events.subscribe(({ type }) => type === 'reset' && resolve(type)));
    expect((await queue('resume')).stdout).toBe('The queue: 1 queued.');
    expect((await studio.wait(id)).state).toBe('done');
    expect(await reset).toBe('reset');
  });

  it('stops a job that is running', async () => {
    await studio.queue.resume();
    const [job] = await studio.submit({ request: { prompt: 'a', steps: 100, batchCount: 1000 } });
    const running = () => studio.progress.list().length > 0;
    while (!running()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await jobs('cancel', job!.id))[0]).toMatchObject({ cancelRequested: true });
    expect(await studio.wait(job!.id)).toMatchObject({ state: 'cancelled' });
  });

  it('says that there is nothing, of every list', async () => {
    for (const [words, told] of [
      ['queue list', 'The queue is paused: no jobs.'],
      ['queue history', 'No such jobs.'],
      ['queue list --kind pull', 'The queue is paused: no jobs.'],
      ['gallery search', '0 of 0 pictures'],
      ['gallery tags', 'No such tags.'],
      ['board list', 'No such boards.'],
      ['user list', 'No such users.'],
      ['dataset list', 'No such datasets.'],
      ['style list', 'No such styles.'],
      ['style wildcards', 'No such wildcards.'],
      ['library trash', expect.stringMatching(/^No such models in /)],
    ] as const) {
      const result = await cli(...words.split(' '), '--outputs', outputs);
      expect(result, words).toEqual({ code: 0, stdout: '', stderr: told });
    }
  });

  it('has headings where people read, and examples in its help', async () => {
    const id = await submit('a');
    const { stdout } = await cliWith({ shown: true }, 'queue', 'list', '--outputs', outputs);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^JOB +STATE +DONE +USER +CREATED +PROMPT$/),
      expect.stringContaining(id),
    ]);
    expect((await queue('cancel', '--help')).stdout).toContain('Examples:\n  darkroom queue cancel 1m8dcpx\n');
  });

  it('understands the beginning of an id', async () => {
    const id = await submit('a');
    expect((await jobs('pause', id.slice(0, 12)))[0]).toMatchObject({ id, state: 'paused' });
  });

  it('ends a running job in the middle of its step when told so', async () => {
    await studio.queue.resume();
    const [job] = await studio.submit({ request: { prompt: 'a', steps: 100, batchCount: 1000 } });
    const isDrawn = () => studio.progress.list().some(({ phase }) => phase === 'sampling');
    while (!isDrawn()) await new Promise((resolve) => setTimeout(resolve, 20));
    const starts = studio.engines()[0]!.starts;
    expect((await jobs('cancel', job!.id, '--hard'))[0]).toMatchObject({ cancelRequested: true });
    expect(await studio.wait(job!.id)).toMatchObject({ state: 'cancelled' });
    await expect.poll(() => studio.engines()[0]!.starts).toBeGreaterThan(starts);
  });

  it('says what it cannot do', async () => {
    const id = await submit('a');
    const told = async (...argv: string[]) => (await queue(...argv)).stderr;
    expect(await told('cancel')).toBe('darkroom: Name the jobs, or give --all.');
    expect(await told('cancel', id, '--all')).toBe('darkroom: Name the jobs, or give --all.');
    expect(await told('cancel', id, 'x')).toBe('darkroom: There is no job x; darkroom queue list shows them.');
    expect((await studio.queue.get(id))!.state).toBe('queued');
    expect(await told('retry', id)).toMatch(/only failed or cancelled jobs can be retried/);
    expect(await told('move', id, 'up')).toBe('darkroom: A place is front, back, before JOB, or after JOB.');
    expect(await told('priority', id, 'high')).toMatch(/^darkroom: priority must be a number; got "high"\.$/);
    const nowhere = await cli('queue', 'list', '--outputs', join(root, 'nowhere'));
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/There is no studio in .*nowhere.*: darkroom serve makes one there/);
  });
});
