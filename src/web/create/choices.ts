/** What a choice offers: fixed names of its row, or a list of the server's. */

import { useControls, useModels } from '../state/queries.ts';
import type { Choice } from '../ui/select.tsx';

export function useChoices(which: () => readonly string[] | string | undefined): () => Choice[] {
  const controls = useControls();
  const models = useModels();
  const ofKind = (kind: string) => (models.data ?? []).filter((model) => model.kind === kind);
  return () => {
    const list = which();
    if (typeof list !== 'string') return (list ?? []).map((value) => ({ value, label: value }));
    if (list === 'samplers' || list === 'schedulers') {
      return (controls.data?.[list] ?? []).map(({ name }) => ({ value: name, label: name }));
    }
    return ofKind(list.replace(/s$/, '')).map(({ name, problem }) => ({
      value: name,
      label: name,
      disabled: problem !== undefined,
      title: problem,
    }));
  };
}
