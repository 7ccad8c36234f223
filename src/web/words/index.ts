/** Which language the page speaks: chosen once, else the browser's. German is loaded only where it is spoken. */

import { createSignal } from 'solid-js';
import { en, type Words } from './en.ts';

export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];

const key = 'darkroom.language';
const [words, setWords] = createSignal<Words>(en);
const [language, setLanguage] = createSignal<Language>('en');

/** The texts; reading it makes a component follow a change of language. */
export { language, words };

const loaders: Readonly<Record<Language, () => Promise<Words>>> = {
  en: async () => en,
  de: async () => (await import('./de.ts')).de,
};

export async function speak(chosen: Language): Promise<void> {
  const texts = await loaders[chosen]();
  setWords(() => texts);
  setLanguage(chosen);
  document.documentElement.lang = chosen;
  try {
    localStorage.setItem(key, chosen);
  } catch {
    // Until the next load.
  }
}

export function preferredLanguage(): Language {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(key);
  } catch {
    // Switched off: the browser's own.
  }
  const wanted = [kept, ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return (wanted.find((tag) => languages.includes(tag as Language)) as Language | undefined) ?? 'en';
}
