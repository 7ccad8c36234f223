/** The drawing of this tab with its undo, kept over reloads in the tab's own storage. */

import { createSignal } from 'solid-js';
import { type Drawing, emptyDrawing } from './drawing.ts';
import { changed, type History, historyOf, redone, undone } from './history.ts';

const key = 'darkroom.drawing';

export function createDrawing() {
  const [history, setHistory] = createSignal<History<Drawing>>(historyOf(stored() ?? emptyDrawing('', 1, 1)));
  const put = (next: History<Drawing>) => {
    setHistory(next);
    keep(next.present);
  };
  return {
    present: (): Drawing => history().present,
    canUndo: (): boolean => history().past.length > 0,
    canRedo: (): boolean => history().future.length > 0,
    undo: () => put(undone(history())),
    redo: () => put(redone(history())),
    change: (next: Drawing) => put(changed(history(), next)),
    /** Another picture, with what was drawn on it, or nothing yet. */
    begin: (drawing: Drawing) => put(historyOf(drawing)),
  };
}

function stored(): Drawing | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

function keep(drawing: Drawing): void {
  try {
    sessionStorage.setItem(
      key,
      JSON.stringify(drawing, (_, value) => (typeof value === 'number' ? rounded(value) : value)),
    );
  } catch {
    // Full or switched off: what is drawn lives as long as the page.
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
