/**
 * The keys go on beside a part of a list that goes away with the focus in it, or with the focus on what removed it:
 * without this they would begin again at the page's head.
 */

import { createEffect, on } from 'solid-js';

/**
 * Parts are elements that take the focus and have their place in `data-at`.
 *
 * @param changes what the list is drawn from
 * @returns what the element around the list and its buttons takes
 */
export function useKeptFocus(changes: () => unknown) {
  let around: HTMLElement | undefined;
  let last: number | undefined;
  const isLost = () => document.activeElement === document.body || document.activeElement === null;
  const goOn = () => {
    if (last === undefined || !isLost()) return;
    const parts = [...(around?.querySelectorAll<HTMLElement>('[data-at]') ?? [])];
    const near = parts.findLast((part) => Number(part.dataset['at']) <= last!) ?? parts[0];
    near?.focus();
  };
  createEffect(on(changes, () => requestAnimationFrame(goOn), { defer: true }));
  return {
    ref: (element: HTMLElement) => (around = element),
    onFocusIn(event: FocusEvent) {
      const part = (event.target as HTMLElement).closest<HTMLElement>('[data-at]');
      if (part) last = Number(part.dataset['at']);
    },
    /** Who goes elsewhere by themselves stays there. */
    onFocusOut({ target }: FocusEvent) {
      requestAnimationFrame(() => {
        if ((target as HTMLElement).isConnected && !around?.contains(document.activeElement)) last = undefined;
      });
    },
  };
}
