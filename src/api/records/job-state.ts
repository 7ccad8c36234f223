/** States of a job. */
export const jobStates = ['queued', 'running', 'paused', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** States in which a job will not change by itself any more. */
export const endStates = ['done', 'failed', 'cancelled'] as const satisfies readonly JobState[];
