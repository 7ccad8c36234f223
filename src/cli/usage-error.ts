/** What is wrong with the command line itself, told apart from what could not be done: it exits with 2. */

import { UserError } from '#core/errors';

export class UsageError extends UserError {}
