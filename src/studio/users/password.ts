/**
 * Passwords as scrypt keys (RFC 7914). Each takes 32 MiB and some tens of milliseconds of one of the few threads that
 * files are read with as well, so only two are made at a time, whoever asks.
 */

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { UserError } from '#core/errors';

const cost = { N: 32_768, r: 8, p: 1 } as const;
const atOnce = 2;

/** Fits no password: the key is shorter than any derived one. */
export const unknownUserKey = `scrypt:${cost.N}:${cost.r}:${cost.p}:AAAAAAAAAAAAAAAAAAAAAA:AA`;

/** @throws UserError `user.password` */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < 8 || password.length > 1000) {
    throw new UserError('user.password', `A password has 8 to 1000 characters, got ${password.length}.`);
  }
  const salt = randomBytes(16);
  const key = await derive(password, salt, cost);
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join(':');
}

export async function fitsPassword(password: string, stored: string): Promise<boolean> {
  const [, n, r, p, salt, key] = stored.split(':');
  const parameters = { N: Number(n), r: Number(r), p: Number(p) };
  const derived = await derive(password.slice(0, 1000), Buffer.from(salt!, 'base64url'), parameters);
  const expected = Buffer.from(key!, 'base64url');
  return expected.length === derived.length && timingSafeEqual(expected, derived);
}

let working = 0;
const waiting: (() => void)[] = [];

async function derive(
  password: string,
  salt: Buffer,
  parameters: { N: number; r: number; p: number },
): Promise<Buffer> {
  if (working >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else working++;
  try {
    return await scryptKey(password, salt, parameters);
  } finally {
    // The place goes to the next in line, or becomes free.
    const next = waiting.shift();
    if (next) next();
    else working--;
  }
}

function scryptKey(password: string, salt: Buffer, parameters: { N: number; r: number; p: number }): Promise<Buffer> {
  const options = { ...parameters, maxmem: 256 * parameters.N * parameters.r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
