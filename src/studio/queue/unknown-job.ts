import { UserError } from '#core/errors';

export function unknownJob(id: string): UserError {
  return new UserError('job.unknown', `There is no job ${id}; darkroom queue list shows them.`);
}
