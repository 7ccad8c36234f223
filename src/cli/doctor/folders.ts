/** Folders: can they be written, is there room, are the database, the models and the page as they should be. */

import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { DarkroomError } from '#core/errors';
import { openDatabase } from '#studio/store/database';
import { lockFolder } from '#studio/store/lock';
import { schemaVersion } from '#studio/store/migrate';
import { migrations } from '#studio/store/migrations';
import { checkWritable } from '../generate/picture-files.ts';
import { formatBytes } from '../terminal.ts';
import { type Finding, note, ok, type Patient, problem } from './finding.ts';

const littleRoom = 1e9;
const roomForModels = 10e9;

export async function checkFolders({ folders, modelRoots }: Patient): Promise<Finding[]> {
  const [models] = modelRoots;
  const findings: Finding[] = [];
  for (const [name, folder, wanted] of [
    ['outputs', folders.outputsDir, littleRoom],
    ['data', folders.dataDir, littleRoom],
    ['models', models!, roomForModels],
  ] as const) {
    findings.push(await checkFolder(name, folder, wanted));
  }
  return [...findings, ...(await checkPermissions(folders.dataDir))];
}

async function checkFolder(name: string, folder: string, wanted: number): Promise<Finding> {
  try {
    await checkWritable(folder);
  } catch (error) {
    const remedy = `Make ${folder} writable for this user, or name another with --${name === 'models' ? 'models-dir' : name}.`;
    return problem(name, messageOf(error), remedy);
  }
  const { bavail, bsize } = await statfs(nearest(folder));
  const free = bavail * bsize;
  const text = `${folder}, ${formatBytes(free)} free`;
  if (free < littleRoom) return problem(name, text, 'Make room: pictures cannot be kept on a full disk.');
  if (free < wanted) return note(name, text, 'A Stable Diffusion checkpoint takes 2 to 7 GB; make room before a pull.');
  return ok(name, text);
}

function nearest(folder: string): string {
  let found = folder;
  while (!existsSync(found) && path.dirname(found) !== found) found = path.dirname(found);
  return found;
}

/** The data folder holds digests of passwords and tokens. */
async function checkPermissions(folder: string): Promise<Finding[]> {
  const mode = await stat(folder).then(
    (facts) => facts.mode,
    () => 0,
  );
  if (process.platform === 'win32' || (mode & 0o002) === 0) return [];
  return [problem('permissions', `Everybody on this machine can change ${folder}.`, `Run chmod o-w ${folder}.`)];
}

export function checkDatabase({ folders: { databaseFile, dataDir } }: Patient): Finding[] {
  if (!existsSync(databaseFile)) return [ok('database', 'none yet; darkroom serve makes it')];
  try {
    const db = openDatabase(databaseFile);
    try {
      const [first] = db.all<{ quick_check: string }>('PRAGMA quick_check(1)');
      if (first?.quick_check !== 'ok') throw new DarkroomError('store.corrupt', `Damaged: ${first?.quick_check}.`);
      return [describeSchema(schemaVersion(db)), ...describeLock(dataDir)];
    } finally {
      db.close();
    }
  } catch (error) {
    const remedy = `Move ${databaseFile} away and run darkroom library rebuild: pictures are files of their own.`;
    return [problem('database', messageOf(error), remedy)];
  }
}

function describeSchema(schema: number): Finding {
  const newest = migrations.length;
  if (schema <= newest)
    return ok('database', schema < newest ? `schema ${schema}, will be updated` : `schema ${schema}`);
  const text = `It is of a newer Darkroom (schema ${schema}, this one knows ${newest}).`;
  return problem('database', text, 'Update Darkroom, or name another folder with --data.');
}

function describeLock(dataDir: string): Finding[] {
  try {
    lockFolder(dataDir).release();
    return [];
  } catch (error) {
    return [ok('server', messageOf(error).replace(/; stop it.*$/, '.'))];
  }
}

export async function checkModels({ modelRoots, embeddedModel }: Patient): Promise<Finding[]> {
  const { scanModels } = await import('#studio/library/scan');
  const findings: Finding[] = [];
  for (const root of modelRoots) {
    const models = await scanModels([root]);
    const count = models.length === 1 ? '1 model' : `${models.length} models`;
    findings.push(ok('model folder', existsSync(root) ? `${root}: ${count}` : `${root}: not there yet`));
  }
  if (!existsSync(embeddedModel)) {
    const remedy = 'Get it back with git checkout, or name a model with --model.';
    findings.push(problem('embedded model', `${embeddedModel} is missing.`, remedy));
  }
  return findings;
}

export function checkPage({ pageFolder }: Patient): Finding[] {
  if (existsSync(path.join(pageFolder, 'index.html'))) return [ok('page', 'built')];
  return [note('page', 'The page is not built; the APIs work without it.', 'Run npm run prepare.')];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
