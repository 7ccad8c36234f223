/** Errors about model files: what is wrong with which file, and what to do. */

import { UserError } from '#core/errors';

/** A model file that cannot be used as it is. */
export class ModelFileError extends UserError {
  /** The file or folder, where known. */
  readonly path: string | undefined;

  constructor(code: string, message: string, path?: string) {
    super(`model.${code}`, path === undefined ? message : `${path}: ${message}`);
    this.path = path;
  }
}
