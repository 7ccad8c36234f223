/** Accounts and their tokens as they are told. */

import { z } from 'zod';
import { roles } from '../rights.ts';

export const userSchema = z.object({
  name: z.string(),
  role: z.enum(roles),
  hasPassword: z.boolean(),
  createdAt: z.number(),
});

/** Not the token itself. */
export const tokenSchema = z.object({
  id: z.string(),
  user: z.string(),
  label: z.string(),
  createdAt: z.number(),
  expiresAt: z.number().optional(),
});
