/** What is set once: the file, the environment, folders of models; completion; lists without a studio. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { nounsOfOperations } from '#cli/verb';
import { ownExamples } from '#studio/library/roots';
import type { CommandContext } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands/index.ts';
import { cli, finished, repository, startCli, tinyModel } from './run-cli.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-config-'));
  vi.stubEnv('DARKROOM_CONFIG', join(root, 'config.json'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

const lines = (text: string): string[] => text.split('\n');

it('keeps folders with models for every command', async () => {
  const mine = join(root, 'mine');
  mkdirSync(mine);
  expect((await cli('models', 'add', mine)).stdout).toBe(mine);
  expect(lines((await cli('models', 'add', 'examples')).stdout)).toEqual([mine, ownExamples]);
  await cli('models', 'forget', ownExamples);
  expect(JSON.parse(readFileSync(join(root, 'config.json'), 'utf8'))).toEqual({ 'models-dir': [mine] });
  vi.stubEnv('DARKROOM_MODELS_DIR', [join(root, 'a'), join(root, 'b')].join(delimiter));
  const folders = lines((await cli('models', 'folders', '--models-dir', join(root, 'flag'))).stdout);
  expect(folders.slice(0, 4)).toEqual([join(root, 'flag'), join(root, 'a'), join(root, 'b'), mine]);
  expect((await cli('models', 'forget', mine)).stdout).toBe('');
  const none = await cli('models', 'add', join(root, 'nowhere'));
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('There is no folder')]);
});

it('takes a flag before a variable, and a variable before the file', async () => {
  const folder = (name: string) => join(root, name);
  const made = async (name: string, ...argv: string[]) => {
    expect((await cli('user', 'add', name, '--no-password', ...argv)).code).toBe(0);
    return ['file', 'variable', 'flag'].filter((each) => existsSync(join(folder(each), '.darkroom'))).join(' ');
  };
  writeFileSync(join(root, 'config.json'), JSON.stringify({ outputs: folder('file') }));
  expect(await made('ann')).toBe('file');
  vi.stubEnv('DARKROOM_OUTPUTS', folder('variable'));
  expect(await made('ann')).toBe('file variable');
  expect(await made('ann', '--outputs', folder('flag'))).toBe('file variable flag');
});

it.each([
  ['{', /cannot be used: .*JSON/],
  ['{"outputz":"x"}', /cannot be used: it: Unrecognized key/],
  ['{"models-dir":"x"}', /cannot be used: models-dir: .*array/],
])('says what is wrong with %s', async (text, message) => {
  writeFileSync(join(root, 'config.json'), text);
  const { code, stderr } = await cli('models', 'folders');
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

it('takes paths as they were meant where npm starts elsewhere', async () => {
  vi.stubEnv('npm_lifecycle_event', 'darkroom');
  vi.stubEnv('npm_package_json', join(repository, 'package.json'));
  vi.stubEnv('INIT_CWD', root);
  const { stdout } = await finished(startCli(dirname(join(repository, 'x')), 'models', 'folders'));
  expect(lines(stdout)[0]).toMatch(new RegExp(`${root}/models$`));
}, 180_000);

it('has a noun for every operation that is a command', () => {
  const names = commands.map(({ name }) => name);
  expect(nounsOfOperations().filter((noun) => !names.includes(noun))).toEqual([]);
});

it('lists samplers without a studio, as text and JSON', async () => {
  expect((await cli('samplers')).stdout).toContain('Euler a');
  const first = lines((await cli('samplers', '--json')).stdout)[0]!;
  expect(JSON.parse(first)).toHaveProperty('scheduler');
  expect((await cli('schedulers')).stdout).toContain('Karras');
});

it.each(['bash', 'zsh', 'fish'])('completes in %s', async (shell) => {
  const { code, stdout } = await cli('completion', shell);
  expect(code).toBe(0);
  for (const word of ['generate', 'gallery', 'min-rating', 'cfg-scale']) expect(stdout).toContain(word);
});

const small = ['--model', tinyModel, '--width', '64', '--height', '64', '--steps', '1', '--threads', '1'];

it('replaces no picture unless told to', async () => {
  const out = join(root, 'fox.png');
  writeFileSync(out, 'mine');
  const refused = await cli('generate', 'x', ...small, '--out', out);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/is there already; give --force/)]);
  expect(readFileSync(out, 'utf8')).toBe('mine');
  expect((await cli('generate', 'x', ...small, '--out', out, '--force')).code).toBe(0);
  expect(readFileSync(out).subarray(1, 4).toString()).toBe('PNG');
});

it('reads a prompt from standard input and writes the picture to standard output', async () => {
  const child = startCli(root, 'generate', '-', ...small, '--out', '-');
  const chunks: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => chunks.push(data));
  child.stdin.end('a fox at dusk\n');
  const { code } = await finished(child);
  expect(code).toBe(0);
  const png = Buffer.concat(chunks);
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect(png.includes('a fox at dusk')).toBe(true);
  expect(png.subarray(-8, -4).toString()).toBe('IEND');
  expect(existsSync(join(root, '-'))).toBe(false);
}, 180_000);

/** Command lines of Darkroom that a document shows, without what a shell does with them. */
function commandLines(text: string): string[][] {
  const found = text.matchAll(/(?:npm run darkroom --|npx darkroom) ([^`\n#|>]+)/g);
  return [...found].map(([, line]) =>
    line!
      .replaceAll(/"[^"]*"/g, 'WORDS')
      .trim()
      .split(/\s+/),
  );
}

/** The command that the first words name, with its flags. */
async function commandOf([name, verb]: readonly string[]): Promise<Command | undefined> {
  const output = { result() {}, note() {}, interactive: false };
  const context: CommandContext = { output, commands, exitCode: 0 };
  const entry = commands.find((each) => each.name === name);
  if (!entry) return undefined;
  const command = new Command(name);
  (await entry.load()).define(command, context);
  if (command.commands.length === 0) return command;
  const isWhole = !verb || command.registeredArguments.length > 0;
  return command.commands.find((each) => each.name() === verb) ?? (isWhole ? command : undefined);
}

it.each(['README.md', 'docs/GUIDE.md', 'docs/TRAINING.md', 'docs/CONTROL.md'])(
  'has the commands and flags that %s shows',
  async (document) => {
    const lines = commandLines(readFileSync(`${repository}/${document}`, 'utf8'));
    const wrong: string[] = [];
    for (const words of lines.filter(([name]) => !name!.startsWith('-') && name !== 'help')) {
      const flags = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*/, ''));
      const command = await commandOf(words.filter((word) => !word.startsWith('-')));
      const known = command?.options.flatMap(({ long, short }) => [long, short]);
      const unknown = flags.filter((flag) => flag !== '--help' && !known?.includes(flag));
      if (!command || unknown.length > 0) wrong.push(`${words.join(' ')}: ${unknown.join(', ') || 'no such command'}`);
    }
    expect(wrong).toEqual([]);
  },
);

it.each([['generate'], ['train', 'lora'], ['gallery', 'list']])(
  'shows help of %s %s in a terminal’s width',
  async (...words) => {
    const { stdout } = await cli(...words, '--help');
    const lines = stdout.split('\n').filter((line) => !/^ {2}-/.test(line) && !line.startsWith('  darkroom '));
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  },
);
