/** The questions that several views ask. */

import { createMemo } from 'solid-js';
import { jobKinds } from '#api/records/job-kinds';
import type { WireJob, WireModel } from '#server/native/wire';
import type { Api } from '../api.ts';
import { keys } from './keys.ts';
import { useQuery } from './query.ts';
import { usableModels, useStudio } from './studio.tsx';

export function useControls() {
  const { api } = useStudio();
  return useQuery(() => ({ queryKey: keys.controls, queryFn: () => api.listFamilies() }));
}

export function useStatus() {
  const { api } = useStudio();
  return useQuery(() => ({ queryKey: keys.status, queryFn: () => api.getStatus() }));
}

export function useSettings() {
  const { api } = useStudio();
  return useQuery(() => ({ queryKey: keys.settings, queryFn: () => api.getSettings() }));
}

export function useQueue() {
  const { api } = useStudio();
  return useQuery(() => ({ queryKey: keys.queue, queryFn: () => api.getQueue() }));
}

/** What runs, then what waits in its order. */
async function openJobs(api: Api): Promise<WireJob[]> {
  const [running, waiting] = await Promise.all([
    api.listJobs({ kind: [...jobKinds], state: ['running'], limit: 1000 }),
    api.listJobs({ kind: [...jobKinds], state: ['queued', 'paused'], order: 'next', limit: 1000 }),
  ]);
  return [...running.jobs, ...waiting.jobs];
}

export function useOpenJobs() {
  const { api } = useStudio();
  return useQuery(() => ({ queryKey: keys.openJobs, queryFn: async () => await openJobs(api) }));
}

/** Those of them that make pictures. */
export function usePictureJobs(): () => WireJob[] {
  const jobs = useOpenJobs();
  return () => (jobs.data ?? []).filter(({ kind }) => kind === 'picture');
}

/** Any job, of whatever age; one that was cleared is no fault. */
export function useJob(id: () => string | undefined) {
  const { api } = useStudio();
  return useQuery(() => ({
    queryKey: keys.job(id() ?? ''),
    queryFn: async () => (await api.getJob({ id: id()! })).job,
    enabled: id() !== undefined,
    retry: false,
  }));
}

export function useBoards() {
  const { api } = useStudio();
  return useQuery(() => ({ queryKey: keys.boards, queryFn: async () => (await api.listBoards()).boards }));
}

export function useModels() {
  const { api } = useStudio();
  return useQuery(() => ({ queryKey: keys.models, queryFn: async () => (await api.listModels()).models }));
}

/** The model that the next request will use: the draft's, the server's default, the one that came with Darkroom. */
export function useChosenModel(): () => WireModel | undefined {
  const { draft } = useStudio();
  const models = useModels();
  const settings = useSettings();
  return createMemo(() => {
    const usable = usableModels(models.data ?? []);
    const named = (name: unknown) => usable.find((model) => model.name === name);
    return (
      named(draft.values()['model']) ??
      named(settings.data?.defaultModel) ??
      usable.find(({ embedded }) => embedded) ??
      usable[0]
    );
  });
}

export function useLimits() {
  const { api } = useStudio();
  const model = useChosenModel();
  return useQuery(() => ({
    queryKey: [...keys.limits, model()?.id],
    queryFn: async () => await api.getModelLimits({ id: model()!.id }),
    enabled: model() !== undefined,
  }));
}
