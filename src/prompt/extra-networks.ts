/**
 * Extra networks named in a prompt: `<lora:name:0.8>` to a list, and the prompt without them.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/extra_networks.py (behaviour). What a kind means, and the default of
 * its arguments, is for the adapter that owns it.
 */

import { WORD } from './characters.ts';

export interface ExtraNetwork {
  /** As written, for example `lora`. */
  readonly kind: string;
  /** All arguments as written. */
  readonly args: readonly string[];
  /** Those without `=`. */
  readonly positional: readonly string[];
  /** Those with `=`; the last of a name counts. */
  readonly named: Readonly<Record<string, string>>;
}

export interface ExtraNetworksResult {
  readonly prompt: string;
  readonly networks: readonly ExtraNetwork[];
}

const NETWORK = new RegExp(`<([${WORD}]+):([^>]+)>`, 'gu');

export function extractExtraNetworks(prompt: string): ExtraNetworksResult {
  const networks: ExtraNetwork[] = [];
  // Nothing matches beyond the last `>`; without the cut, each `<a:` there would search to the end of the text.
  const end = prompt.lastIndexOf('>') + 1;
  const cleaned = prompt.slice(0, end).replace(NETWORK, (_, kind: string, args: string) => {
    networks.push(readNetwork(kind, args));
    return '';
  });
  return { prompt: cleaned + prompt.slice(end), networks };
}

function readNetwork(kind: string, text: string): ExtraNetwork {
  const args = text.split(':');
  const named = args
    .filter((arg) => arg.includes('='))
    .map((arg) => [arg.slice(0, arg.indexOf('=')), arg.slice(arg.indexOf('=') + 1)] as const);
  return {
    kind,
    args,
    positional: args.filter((arg) => !arg.includes('=')),
    named: Object.fromEntries(named),
  };
}
