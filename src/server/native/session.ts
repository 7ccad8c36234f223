/** Signing a browser in and out: its token in a cookie that scripts cannot read, since pictures send no headers of ours. */

import { UserError } from '#core/errors';
import type { Call } from '../http/call.ts';
import { sessionCookie } from '../safety/access.ts';

const monthSeconds = 30 * 86_400;

/** @throws UserError `auth.token` where the request has no token of its own */
export function openSession({ request, caller }: Call): Response {
  const token = /^bearer\s+(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (token === undefined) throw new UserError('auth.token', 'Send the token as "Authorization: Bearer …".');
  const secure = new URL(request.url).protocol === 'https:' ? '; Secure' : '';
  return Response.json(caller, { headers: { 'set-cookie': cookie(token, monthSeconds) + secure } });
}

export function closeSession(): Response {
  return new Response(null, { status: 204, headers: { 'set-cookie': cookie('', 0) } });
}

function cookie(token: string, maxAge: number): string {
  return `${sessionCookie}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}`;
}
