import { z } from 'zod';
import { idOf } from '#api/records/id';

export const idParams = z.object({ id: idOf('job') });
