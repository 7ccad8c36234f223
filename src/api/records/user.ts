/** Accounts and their tokens as they are told. */

import { z } from 'zod';
import { roles } from '../rights.ts';
import { milliseconds } from './id.ts';

export const userSchema = z.object({
  name: z.string(),
  role: z.enum(roles),
  hasPassword: z.boolean(),
  createdAt: milliseconds.int(),
});

/** Not the token itself. */
export const tokenSchema = z.object({
  id: z.string().describe('Names it for revoking.'),
  user: z.string(),
  label: z.string(),
  createdAt: milliseconds.int(),
  expiresAt: milliseconds.int().optional(),
});

export type User = z.output<typeof userSchema>;
export type TokenInfo = z.output<typeof tokenSchema>;
