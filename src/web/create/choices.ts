/** What a choice offers: fixed names of its row, or a list of the server's. */

import { useQuery } from '@tanstack/solid-query';
import { keys } from '../state/keys.ts';
import { useControls, useModels } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import type { Choice } from '../ui/select.tsx';

export function useChoices(which: () => readonly string[] | string | undefined): () => Choice[] {
  const controls = useControls();
  const models = useModels();
  const { api } = useStudio();
  const styles = useQuery(() => ({
    queryKey: keys.styles,
    queryFn: async () => (await api.listStyles()).styles,
    enabled: which() === 'styles',
  }));
  const ofKind = (kind: string) => (models.data ?? []).filter((model) => model.kind === kind);
  return () => {
    const list = which();
    if (typeof list !== 'string') return (list ?? []).map((value) => ({ value, label: value }));
    if (list === 'samplers' || list === 'schedulers') {
      return (controls.data?.[list] ?? []).map(({ name }) => ({ value: name, label: name }));
    }
    if (list === 'styles') return (styles.data ?? []).map(({ name }) => ({ value: name, label: name }));
    return ofKind(list.replace(/s$/, '')).map(({ name, problem }) => ({
      value: name,
      label: name,
      disabled: problem !== undefined,
      title: problem,
    }));
  };
}
