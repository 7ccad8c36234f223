/** Whether the parts of a view lie below each other: the breakpoint `md` of the classes, for what they cannot say. */

import { createSignal, onCleanup } from 'solid-js';

export function useNarrow(): () => boolean {
  const query = matchMedia('(width < 54rem)');
  const [narrow, setNarrow] = createSignal(query.matches);
  const look = () => setNarrow(query.matches);
  query.addEventListener('change', look);
  onCleanup(() => query.removeEventListener('change', look));
  return narrow;
}
