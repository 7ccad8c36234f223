/**
 * Which build of the page this tab runs. Views are loaded when they are first looked at; after the server was upgraded
 * the files of the old build are gone, and the page has to be loaded anew.
 */

const key = 'darkroom.reloaded-from';
const missing = new WeakSet<object>();

/** Remembers which errors were files that did not come. */
export function watchMissingFiles(): void {
  addEventListener('vite:preloadError', (event) => {
    const { payload } = event as Event & { readonly payload: unknown };
    if (payload instanceof Error) missing.add(payload);
  });
}

export function isMissingFile(error: unknown): boolean {
  return error instanceof Error && missing.has(error);
}

/**
 * Loads the page anew where the server hands out another build by now; from each build once a tab, whatever happens.
 * @returns whether it does
 */
export async function reloadIfOutdated(): Promise<boolean> {
  const ours = ownEntry();
  const page = await fetch('/', { cache: 'no-store' }).catch(() => undefined);
  if (ours === undefined || !page?.ok || (await page.text()).includes(ours)) return false;
  if (!isFirstTime(ours)) return false;
  location.reload();
  return true;
}

/** Its name holds a hash of all that is built. */
function ownEntry(): string | undefined {
  return document.querySelector('script[type=module]')?.getAttribute('src') ?? undefined;
}

function isFirstTime(entry: string): boolean {
  try {
    const before = JSON.parse(sessionStorage.getItem(key) ?? '[]') as string[];
    if (before.includes(entry)) return false;
    sessionStorage.setItem(key, JSON.stringify([...before, entry]));
    return true;
  } catch {
    // Nothing can be remembered: better a sentence than a page that loads itself for ever.
    return false;
  }
}
