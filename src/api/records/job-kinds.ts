/** Kinds of jobs, apart from what each asks for: the page needs no more than their names. */

export const modelWorkKinds = ['merge', 'convert', 'extract'] as const;

export const jobKinds = ['picture', 'upscale', 'pull', 'hash', 'training', 'lab', ...modelWorkKinds] as const;
export type JobKind = (typeof jobKinds)[number];
