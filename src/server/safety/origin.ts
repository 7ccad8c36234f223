/**
 * Keeps other web pages out: against DNS rebinding by the Host header, against forged requests and leaking pictures by
 * Origin and Fetch Metadata.
 *
 * A rebinding page reaches this server under a name of its own, never under an IP address, so addresses and localhost
 * pass, names only when listed. Programs send neither Origin nor Sec-Fetch-Site and pass.
 */

import { isIP } from 'node:net';
import { UserError } from '#core/errors';

export interface OriginRules {
  /** Names (without port) under which this server may be called, besides addresses and localhost. */
  readonly allowedHosts: readonly string[];
  /** Origins of other pages that may use the API, e.g. `https://studio.example`. */
  readonly allowedOrigins: readonly string[];
}

const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * By which name the server was called. A name that is not listed passes only with credentials of its own: no page that
 * rebinds a name knows any, while programs in containers call this machine by names such as host.docker.internal.
 * @param signsIn whether somebody must sign in, and the request's Authorization says who
 * @throws UserError `host.refused`
 */
export function checkHost(request: Request, rules: OriginRules, signsIn: boolean): void {
  const host = hostOf(request);
  if (isAllowedHost(host, rules.allowedHosts) || signsIn) return;
  const name = hostName(host).slice(0, 100);
  throw new UserError(
    'host.refused',
    `This server does not answer to the name ${JSON.stringify(name)}; start it with --allow-host ${name} if it should.`,
  );
}

/**
 * @returns the foreign origin that was let in, to be named in CORS headers
 * @throws UserError `origin.refused`
 */
export function checkOrigin(request: Request, rules: OriginRules): string | undefined {
  const host = hostOf(request);
  const origin = request.headers.get('origin');
  if (origin !== null) return checkOriginHeader(origin, host, rules.allowedOrigins);
  const site = request.headers.get('sec-fetch-site');
  if (site === null || site === 'same-origin' || site === 'none') return undefined;
  // Following a link from elsewhere to a page is fine; embedding or fetching is not.
  const isLink = request.headers.get('sec-fetch-mode') === 'navigate' && safeMethods.includes(request.method);
  if (isLink) return undefined;
  throw refused(site);
}

function checkOriginHeader(origin: string, host: string, allowed: readonly string[]): string | undefined {
  if (allowed.includes(origin)) return origin;
  const own = hostOfOrigin(origin);
  if (own !== undefined && own === host.toLowerCase()) return undefined;
  throw refused(origin);
}

function hostOfOrigin(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

function refused(from: string): UserError {
  const shown = JSON.stringify(from.slice(0, 100));
  return new UserError(
    'origin.refused',
    `Pages from ${shown} may not use this server; start it with --allow-origin if they should.`,
  );
}

function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  const name = hostName(host);
  if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  return allowed.some((each) => each.toLowerCase() === name);
}

function hostOf(request: Request): string {
  return request.headers.get('host') ?? new URL(request.url).host;
}

/** Without port and brackets, in lower case. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return (bracketed?.[1] ?? host.replace(/:\d+$/, '')).toLowerCase().replace(/\.$/, '');
}
