/** All that is made of an infotext before it meets the user's files: plain data, so that it can come from elsewhere. */

import { type ParsedInfotext, parseInfotext } from '#prompt/infotext';
import { type NamedHash, networkHashes } from '#prompt/network-hashes';
import { type InfotextReport, reportInfotext } from './infotext-keys.ts';

export interface InfotextReading extends InfotextReport {
  readonly parsed: ParsedInfotext;
  /** Networks that it names with their hashes. */
  readonly networks: readonly NamedHash[];
}

export function readInfotext(text: string): InfotextReading {
  const parsed = parseInfotext(text);
  return { parsed, networks: networkHashes(text, parsed), ...reportInfotext(text, parsed) };
}
