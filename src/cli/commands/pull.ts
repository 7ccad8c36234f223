/**
 * `darkroom pull`: installs a model from Hugging Face, Civitai, an address or a path. It needs no data folder: what has
 * been fetched lies beside the models under a name made from its source, so that the same command goes on with it.
 */

import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { performance } from 'node:perf_hooks';
import { type Command, Option } from 'commander';
import { type ModelKind, modelKinds } from '#api/records/model';
import type { PullRequest, Starter } from '#api/records/pull';
import { UserError } from '#core/errors';
import { diskError } from '#studio/files/disk-error';
import { modelRoots } from '#studio/library/roots';
import { install } from '#studio/pull/install';
import { type PullServices, servicesFromEnvironment } from '#studio/pull/services';
import { parsePullSource } from '#studio/pull/source';
import { starters } from '#studio/pull/starters';
import { type CommandContext, gather } from '../command.ts';
import { watchInterrupt } from '../interrupt.ts';
import { defineNoun, runOperation } from '../operations.ts';
import { createProgress, type Progress } from '../progress.ts';
import { installed, Transfer } from '../pull/transfer.ts';
import { UsageError } from '../usage-error.ts';

interface Options {
  readonly kind?: ModelKind;
  readonly name?: string;
  readonly sha256?: string;
  readonly modelsDir?: string[];
  readonly allowPrivate?: boolean;
  readonly starters?: boolean;
  readonly json?: boolean;
}

const forms = `
What to pull:
  owner/name                          a Hugging Face repository (its diffusers folder or its one model file)
  hf:owner/name[@revision]/path       a file or folder in one; its address in a browser does as well
  https://civitai.com/models/123      a Civitai page, also with ?modelVersionId=456
  civitai:123@456, urn:air:...        a Civitai model and version, an AIR
  0123456789                          a hash that Civitai knows (AutoV2, AutoV3, sha256)
  https://...                         a file anywhere
  ./model.safetensors                 a file or diffusers folder on this machine
  "Stable Diffusion 1.5"              one of --starters

HF_TOKEN and CIVITAI_TOKEN are sent to their own hubs; HF_ENDPOINT and HF_HOME are honoured.`;

const kinds = modelKinds.filter((kind) => kind !== 'unknown');

export function define(command: Command, context: CommandContext): void {
  command
    .argument('[what]', 'What to pull; see below.')
    .addOption(new Option('--kind <kind>', 'What it is, where its header does not tell.').choices(kinds))
    .option('--name <file>', 'File name to keep a single file under.')
    .option('--sha256 <hash>', 'What the hash of a single file must be.')
    .option('--models-dir <folder>', 'Folder with models to put it in (default: models).', gather)
    .option('--allow-private', 'Let addresses of the local network through.')
    .option('--starters', 'List models to start with.')
    .option('--json', 'Print events as JSON lines.')
    .addHelpText('after', forms)
    .action(async (what: string | undefined, options: Options) => await pull(what, options, context));
  defineNoun(command, 'pull', context);
}

async function pull(what: string | undefined, options: Options, context: CommandContext): Promise<void> {
  if ((what === undefined) !== (options.starters === true)) {
    throw new UsageError('pull.what', 'Say what to pull, or ask for the list with --starters.');
  }
  if (what === undefined)
    return await runOperation('listStarters', { usage: 'pull', bare: true }, {}, { json: options.json }, context);
  const starter = starters.find(({ name }) => name.toLowerCase() === what.trim().toLowerCase());
  const source = starter?.source ?? what.trim();
  const services = servicesOf(options);
  parsePullSource(source, services.hosts);
  const { json } = options;
  const progress = await createProgress(context.output, { json, now, lineEvery: 5000, jsonEvery: 250 });
  try {
    context.exitCode = await fetchModel(source, pullOptions(options, starter), options, services, progress);
  } catch (error) {
    progress.failed(error);
    throw error;
  } finally {
    progress.close();
  }
}

/** Returns what the process is to exit with. */
async function fetchModel(
  source: string,
  pullOptions: Omit<PullRequest, 'source'>,
  options: Options,
  services: PullServices,
  progress: Progress,
): Promise<number> {
  const { describeModel } = await import('#studio/library/describe');
  const interrupt = watchInterrupt(() => new UserError('pull.stopped', 'Stopped.'));
  const transfer = new Transfer(now);
  try {
    const paths = await install(
      { services, roots: modelRoots(options.modelsDir), describe: describeModel },
      {
        id: idOf(source),
        request: { ...pullOptions, source },
        signal: interrupt.signal,
        onPlan: (plan) => progress.tell(transfer.planned(plan)),
        onProgress(file, bytes, total) {
          transfer.update(file, bytes, total);
          progress.step(transfer.step());
        },
      },
    );
    progress.tell(installed(paths));
    return 0;
  } catch (error) {
    if (!interrupt.signal.aborted) throw diskError(error, source);
    progress.tell(transfer.stopped());
    return interrupt.exitCode;
  } finally {
    interrupt.release();
  }
}

function servicesOf({ allowPrivate }: Options): PullServices {
  return { ...servicesFromEnvironment(process.env, homedir()), allowPrivate: allowPrivate === true };
}

function pullOptions({ kind, name, sha256 }: Options, starter: Starter | undefined): Omit<PullRequest, 'source'> {
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new UsageError('pull.hash', 'A sha256 has 64 hexadecimal digits.');
  }
  const given = {
    kind: kind ?? starter?.kind,
    name: name ?? starter?.file,
    sha256: sha256 ?? starter?.sha256,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The same for the same source, so that its unfinished files are found again. */
function idOf(source: string): string {
  return createHash('sha256').update(source).digest('hex').slice(0, 16);
}

const now = (): number => performance.now();
