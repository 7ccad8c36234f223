/** Captioners among the annotators of the model folders: those whose file beside them says so, or lists tags. */

import { basename } from 'node:path';
import { UserError } from '#core/errors';
import { type FoundCaptioner, readTagTable } from '#pipelines/annotators/captioner';
import { nodeModelFiles } from '../files/model-files.ts';
import { readPlainText } from '../files/plain-file.ts';
import { annotatorFinder, listAnnotators } from './controls.ts';

/** By name; the first one where none is given. @throws UserError `captioner.none`, `captioner.unknown` */
export async function findCaptioner(wanted: string | undefined, roots: readonly string[]): Promise<FoundCaptioner> {
  const names: string[] = [];
  for (const { name } of await listAnnotators(roots)) {
    const found = await captionerOf(name, roots);
    if (!found) continue;
    if (wanted === undefined || name.toLowerCase() === wanted.trim().toLowerCase()) return found;
    names.push(name);
  }
  if (wanted !== undefined && names.length > 0) {
    const shown = JSON.stringify(wanted.slice(0, 100));
    throw new UserError('captioner.unknown', `There is no captioner ${shown}; there are ${names.join(', ')}.`);
  }
  const advice = 'put the ONNX file of a tagger with its list of tags into models/annotators (docs/CONTROL.md)';
  throw new UserError('captioner.none', `There is no captioner to describe pictures; ${advice}.`);
}

async function captionerOf(name: string, roots: readonly string[]): Promise<FoundCaptioner | undefined> {
  const annotator = await annotatorFinder(roots)(name);
  if (!annotator) return undefined;
  const table = annotator.path.replace(/\.onnx$/i, '.csv');
  const tags = (await nodeModelFiles.exists(table))
    ? readTagTable(await readPlainText(table), basename(table))
    : undefined;
  const { settings } = annotator;
  const says = typeof settings === 'object' && settings !== null && 'captioner' in settings;
  return tags || says ? { ...annotator, tags } : undefined;
}
