/** What a model file of the visitor's disk is, by its header; the file stays where it is. Loaded when it is wanted. */

// First: schemas of model files are made as they are imported.
import '../zod-without-eval.ts';
import { describeModel, type ModelDescription, unreadable } from '#models/describe';
import { PageFiles } from './page-files.ts';

/** Never rejects: a bad file is described as one. */
export async function lookInto(file: File): Promise<ModelDescription> {
  const files = new PageFiles();
  files.add(file.name, file);
  return await describeModel(files, file.name).catch(unreadable);
}
