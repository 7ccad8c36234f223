/** The token in the address: `darkroom serve` prints `…/#token=…`, a part that browsers never send to a server. */

export interface TakenToken {
  readonly token?: string | undefined;
  /** The fragment without the token, to be put back into the address bar. */
  readonly rest: string;
}

export function takeToken(hash: string): TakenToken {
  const parts = hash.replace(/^#/, '').split('&').filter(Boolean);
  const found = parts.find((part) => part.startsWith('token='));
  const rest = parts.filter((part) => !part.startsWith('token=')).join('&');
  const token = found === undefined ? '' : decoded(found.slice('token='.length)).trim();
  return { token: token === '' ? undefined : token, rest: rest === '' ? '' : `#${rest}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
