/** The tools that the server offers, in the page's language. */

import type { WireJob } from '#server/native/wire';
import { jobTitle } from '../queue/job.tsx';
import { fieldsOf } from '../state/fields.ts';
import { keys } from '../state/keys.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import type { FieldTexts } from '../words/en.ts';
import { words } from '../words/index.ts';

export function useTools() {
  const { api } = useStudio();
  const asked = useQuery(() => ({ queryKey: keys.tools, queryFn: async () => (await api.listTools()).tools }));
  return {
    asked,
    /** The server's own words where the page's language has none. */
    tools: () => (asked.data ?? []).map((tool) => ({ ...tool, ...words().lab.names[tool.name] })),
  };
}

export function useExperiments() {
  const { api } = useStudio();
  const asked = useQuery(() => ({
    queryKey: keys.experiments,
    queryFn: async () => (await api.listExperiments()).experiments,
  }));
  const experiments = () => (asked.data ?? []).map((each) => ({ ...each, ...words().lab.names[each.name] }));
  /** Of a run: what its experiment is called, or what the user called it. */
  const titleOf = (job: WireJob): string =>
    job.label ?? experiments().find(({ name }) => name === job.request['experiment'])?.title ?? jobTitle(job);
  return { asked, experiments, titleOf };
}

/** Of a tool's own fields, and of the settings of pictures that it takes. */
export function fieldTexts(tool: string): FieldTexts {
  const { settings, tools } = words().texts;
  return { ...settings, ...tools[tool] };
}

/** Whether a picture of the gallery can be sent there. */
export function takesPicture(tool: Tool): boolean {
  return fieldsOf(tool.schema).some(({ control }) => control === 'image');
}

export type Tool = ReturnType<ReturnType<typeof useTools>['tools']>[number];
