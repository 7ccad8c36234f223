/** What a choice offers: fixed names of its row, or a list of the server's. */

import type { Choice } from '../ui/select.tsx';
import { keys } from './keys.ts';
import { useControls, useModels } from './queries.ts';
import { useQuery } from './query.ts';
import { useStudio } from './studio.tsx';

export function useChoices(which: () => readonly string[] | string | undefined): () => Choice[] {
  const controls = useControls();
  const models = useModels();
  const { api } = useStudio();
  const styles = useQuery(() => ({
    queryKey: keys.styles,
    queryFn: async () => (await api.listStyles()).styles,
    enabled: which() === 'styles',
  }));
  const datasets = useQuery(() => ({
    queryKey: keys.datasets,
    queryFn: async () => (await api.listDatasets()).datasets,
    enabled: which() === 'datasets',
  }));
  const named = (rows: readonly { readonly name: string }[] = []): Choice[] =>
    rows.map(({ name }) => ({ value: name, label: name }));
  /** Names that stand for no models. */
  const lists: Readonly<Record<string, () => Choice[]>> = {
    samplers: () => named(controls.data?.samplers),
    schedulers: () => named(controls.data?.schedulers),
    upscalers: () => named(controls.data?.upscalers.filter(({ latent }) => !latent)),
    hiresUpscalers: () => named(controls.data?.upscalers),
    styles: () => named(styles.data),
    datasets: () => named(datasets.data?.map(({ name }) => ({ name: `dataset:${name}` }))),
  };
  const modelsOf = (list: string): Choice[] => {
    const kinds: readonly string[] = controls.data?.kinds[list] ?? [];
    return (models.data ?? [])
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ name, problem }) => ({ value: name, label: name, disabled: problem !== undefined, title: problem }));
  };
  return () => {
    const list = which();
    if (typeof list !== 'string') return (list ?? []).map((value) => ({ value, label: value }));
    const plain = (controls.data?.lists[list] ?? []).map(({ name, label }) => ({ value: name, label }));
    return [...(lists[list]?.() ?? []), ...plain, ...modelsOf(list)];
  };
}
