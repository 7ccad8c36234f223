/** Names of what the query cache holds. */

export const keys = {
  status: ['status'],
  controls: ['controls'],
  settings: ['settings'],
  queue: ['queue'],
  openJobs: ['jobs', 'open'],
  endedJobs: ['jobs', 'ended'],
  job: (id: string) => ['job', id],
  models: ['models'],
  limits: ['limits'],
  pulls: ['pulls'],
  starters: ['starters'],
  pictures: ['pictures'],
  picture: (id: string) => ['picture', id],
  styles: ['styles'],
  wildcards: ['wildcards'],
  measured: (text: string) => ['measured', text],
  boards: ['boards'],
  facets: ['facets'],
} as const;
