/** What the server says, in the language of the page where that has the sentence. */

import { words } from './index.ts';

/** Sentences by code: the server's, with `{name}` for each value, and the page's own. */
type Sentences = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Said {
  /** Of the error, e.g. `request.size`. */
  readonly code: string;
  readonly message: string;
}

export function told({ code, message }: Said, sentences: Sentences = words().refusals): string {
  for (const [said, own] of Object.entries(sentences[code] ?? {})) {
    const found = patternOf(said).exec(message);
    if (found) return own.replaceAll(/\{(\w+)\}/g, (_all, name: string) => quoted(found.groups?.[name] ?? ''));
  }
  return message;
}

function patternOf(said: string): RegExp {
  const escaped = said.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/\{(\w+)\}/g, '(?<$1>.*?)')}$`, 's');
}

/** Of something beside a picture or a run. */
export const toldWarning = (message: string): string => told({ code: 'warning', message });

/** A name that the server has put in quotes gets the page's. */
function quoted(value: string): string {
  return value.replace(/^"([^"]*)"$/, (_all, name: string) => words().common.quoted(name));
}
