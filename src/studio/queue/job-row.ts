/** The jobs table's rows as Job objects, and the WHERE clauses of filters. */

import type { SqlValue } from '../store/database.ts';
import type { Job, JobFilter, JobInputs, JobState, StoredRequest } from './job.ts';

export interface JobRow {
  id: string;
  user: string;
  batch: string | null;
  label: string | null;
  state: JobState;
  priority: number;
  position: number;
  request: string;
  inputs: string;
  total: number;
  delivered: number;
  attempts: number;
  interruptions: number;
  cancel_requested: number;
  warnings: string;
  error_code: string | null;
  error_message: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    user: row.user,
    ...(row.batch === null ? {} : { batch: row.batch }),
    ...(row.label === null ? {} : { label: row.label }),
    state: row.state,
    priority: row.priority,
    position: row.position,
    request: JSON.parse(row.request) as StoredRequest,
    inputs: JSON.parse(row.inputs) as JobInputs,
    total: row.total,
    delivered: row.delivered,
    attempts: row.attempts,
    interruptions: row.interruptions,
    cancelRequested: row.cancel_requested > 0 && row.state === 'running',
    warnings: JSON.parse(row.warnings) as string[],
    ...(row.error_code === null ? {} : { error: { code: row.error_code, message: row.error_message ?? '' } }),
    createdAt: row.created_at,
    ...(row.started_at === null ? {} : { startedAt: row.started_at }),
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
  };
}

/** A condition on jobs with its parameters; `1` where nothing is asked. */
export function whereJobs(filter: JobFilter & { readonly id?: string | undefined }): {
  sql: string;
  params: SqlValue[];
} {
  const terms: string[] = [];
  const params: SqlValue[] = [];
  const equal = (column: string, value: string | undefined) => {
    if (value === undefined) return;
    terms.push(`${column} = ?`);
    params.push(value);
  };
  equal('id', filter.id);
  equal('user', filter.user);
  equal('batch', filter.batch);
  if (filter.states) {
    terms.push(`state IN (${filter.states.map(() => '?').join(', ') || 'NULL'})`);
    params.push(...filter.states);
  }
  return { sql: terms.join(' AND ') || '1', params };
}
