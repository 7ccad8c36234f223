/** `darkroom serve`: the studio over HTTP, for the page, programs, and clients of A1111's and OpenAI's APIs. */

import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Command, Option } from 'commander';
import { pino } from 'pino';
import { renderUnicodeCompact } from 'uqr';
import { listen } from '#server/listen';
import { createServer } from '#server/server';
import { ownModule } from '#studio/files/own-module';
import { modelRoots, ownModelFiles } from '#studio/library/roots';
import { createStudio, type Log, type Studio } from '#studio/studio';
import { labFolder, trainingsFolder } from '#studio/studio-folder';
import { TrainingRuns } from '#studio/training/runs';
import { version } from '#studio/version';
import type { Runner } from '#studio/work/runner';
import { LabRunner } from '#studio/work/runners/lab';
import { TrainingRunner } from '#studio/work/runners/training';
import { type CommandContext, gather, modelsOption } from '../command.ts';
import { changeModelFolders } from '../configuration.ts';
import { watchInterrupt } from '../interrupt.ts';
import { catchForgotten } from '../last-resort.ts';
import { pageFolder } from '../page-folder.ts';
import { addFolderOptions, type FolderOptions, studioFolders } from '../studio-folder.ts';
import { UsageError } from '../usage-error.ts';
import { wholeNumber } from '../whole-number.ts';

interface ServeOptions extends FolderOptions {
  readonly host: string;
  readonly port: string;
  readonly device?: string[];
  readonly threads?: string;
  readonly memoryLimit?: string;
  readonly modelsDir?: string[];
  readonly token?: string;
  readonly newToken?: boolean;
  readonly allowHost?: string[];
  readonly allowOrigin?: string[];
  readonly logLevel: string;
  /** Undefined: where it helps. */
  readonly qr?: boolean;
}

const engineModule = ownModule(import.meta.url, '../../engine-main');
const trainerMain = ownModule(import.meta.url, '../../training-main');
const logLevels = ['silent', 'error', 'warn', 'info', 'debug'];

export function define(command: Command, context: CommandContext): void {
  addFolderOptions(command)
    .option('--host <address>', 'Address to listen on; beyond this machine a token or account is needed.', '127.0.0.1')
    .option('--port <n>', 'Port to listen on; 0 takes a free one.', '7860')
    .option('--device <device>', 'What to compute on; may be repeated (default: cpu).', gather)
    .option('--threads <n>', 'CPU threads of an engine (default: one for each core).')
    .option('--memory-limit <megabytes>', 'Memory that an engine may take in all (default: what is free).')
    .addOption(modelsOption())
    .option('--token <token>', 'Token that opens the server (default beyond this machine: one that is kept).')
    .option('--new-token', 'Make that one anew: everybody who used it must sign in again.')
    .option('--allow-host <name>', 'A name under which this server is called; may be repeated.', gather)
    .option('--allow-origin <origin>', 'A web page that may use the API; may be repeated.', gather)
    .option(
      '--qr',
      'Print the address as a QR code too (default: on a terminal, for addresses that a phone can reach).',
    )
    .option('--no-qr', 'Print no QR code.')
    .addOption(new Option('--log-level <level>', 'What to log, as JSON lines.').choices(logLevels).default('warn'))
    .addHelpText('after', examples)
    .addHelpText('after', '\nCtrl-C stops it and exits with 0; a second one ends at once with 130.')
    .action((options: ServeOptions) => serve(options, context));
}

const examples = `
Examples:
  darkroom serve
  darkroom serve --host 0.0.0.0 --qr             for a phone in the same network
  darkroom serve --models-dir ~/stable-diffusion-webui/models --device webgpu`;

async function serve(options: ServeOptions, context: CommandContext): Promise<void> {
  const port = wholeNumber('--port', options.port, 0, 65_535);
  const log = pino({ level: options.logLevel }, pino.destination({ dest: 2, sync: false }));
  const tell: Log = (level, message, fields) => log[level](fields ?? {}, message);
  const lastResort = catchForgotten(tell);
  const { dataDir, outputsDir } = studioFolders(options);
  const roots = modelRoots(options.modelsDir);
  const studio = await createStudio({
    dataDir,
    outputsDir,
    engineModule,
    modelRoots: roots,
    keepModelFolder: (folder) => void changeModelFolders((known) => [...known, folder]),
    embeddedModels: ownModelFiles(),
    devices: devicesOf(options),
    runners: trainers(dataDir, roots, options),
    log: tell,
  });
  try {
    await run(studio, port, options, log, context);
  } finally {
    await studio.close();
    lastResort.remove();
  }
}

/** One training and one experiment at a time: each takes every core. */
function trainers(dataDir: string, roots: readonly string[], { threads: asked }: ServeOptions): Runner[] {
  const threads = asked === undefined ? undefined : wholeNumber('--threads', asked, 1, 1024);
  const parts = { main: trainerMain, threads };
  return [
    new TrainingRunner({
      ...parts,
      runs: new TrainingRuns(trainingsFolder(dataDir)),
      modelRoots: roots,
    }),
    new LabRunner({ ...parts, runs: new TrainingRuns(labFolder(dataDir)) }),
  ];
}

async function run(
  studio: Studio,
  port: number,
  options: ServeOptions,
  log: pino.Logger,
  context: CommandContext,
): Promise<void> {
  const { host } = options;
  const token = tokenOf(options, studio);
  const required = token !== undefined || !isLoopback(host);
  const server = await createServer({
    studio,
    log,
    version: version(),
    access: { required, ...(token === undefined ? {} : { token }) },
    origins: {
      allowedHosts: [...(options.allowHost ?? []), ...(isIP(host) === 0 ? [host] : [])],
      allowedOrigins: options.allowOrigin ?? [],
    },
    pageFolder,
  });
  const listener = await listen(server.app, { host, port });
  try {
    // Before the address is told: whoever waits for it may stop the server at once.
    const interrupted = untilInterrupted(context);
    announce(listener.url, { required, token, qr: options.qr }, context);
    await interrupted;
    server.close();
  } finally {
    await listener.close();
  }
}

interface Announced {
  readonly required: boolean;
  readonly token: string | undefined;
  readonly qr: boolean | undefined;
}

function announce(url: string, { required, token, qr }: Announced, { output }: CommandContext): void {
  const everywhere = /\/\/(0\.0\.0\.0|\[::\]):/;
  const shown = url.replace(everywhere, '//localhost:');
  const signIn = token === undefined ? '' : `#token=${token}`;
  output.result(`Darkroom is ready: ${shown}/${signIn}`);
  output.note(`API: ${shown}/api   A1111: ${shown}/sdapi/v1   OpenAI: ${shown}/v1`);
  const others = everywhere.test(url)
    ? ownAddresses().map((address) => `${url.replace(everywhere, `//${address}:`)}/${signIn}`)
    : [];
  for (const address of others) output.note(`From other machines: ${address}`);
  const scanned = others[0] ?? `${shown}/${signIn}`;
  if (qr ?? (output.interactive && !isLoopback(new URL(scanned).hostname))) output.note(qrCode(scanned));
  if (!required) return;
  const how = token === undefined ? 'with name and password' : 'with the token above, or name and password';
  output.note(`Others can reach this server; everybody signs in ${how}.`);
}

/** Light modules are drawn, with a margin of two, so that cameras find it on dark terminals and on light ones. */
function qrCode(address: string): string {
  return renderUnicodeCompact(address, { border: 2 });
}

/** Under which this machine is reached in its network. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
}

async function untilInterrupted(context: CommandContext): Promise<void> {
  await new Promise<void>((resolve) => {
    watchInterrupt(() => {
      context.output.note('Stopping; the job at work waits for the next start. Once more ends at once.');
      resolve();
    });
  });
}

/** The given one; beyond this machine one that is kept over restarts, where there is no account to sign in with. */
function tokenOf({ token, newToken, host }: ServeOptions, studio: Studio): string | undefined {
  if (token !== undefined) {
    if (token.length >= 8) return token;
    throw new UsageError('serve.token', `--token must have at least 8 characters; got ${token.length}.`);
  }
  const hasAccounts = studio.users.list().some((user) => user.hasPassword);
  if (isLoopback(host) || hasAccounts) return undefined;
  const kept = newToken ? undefined : studio.settings.read(tokenKey);
  if (typeof kept === 'string') return kept;
  const made = randomBytes(18).toString('base64url');
  studio.settings.write(tokenKey, made);
  return made;
}

const tokenKey = 'server.token';

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function devicesOf({ device, threads, memoryLimit }: ServeOptions) {
  const options = {
    ...(threads !== undefined && { threads: wholeNumber('--threads', threads, 1, 1024) }),
    ...(memoryLimit !== undefined && { memoryLimit: wholeNumber('--memory-limit', memoryLimit, 1, 1e7) * 1e6 }),
  };
  return (device ?? ['cpu']).map((name) => ({ name, options }));
}
