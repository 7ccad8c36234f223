/**
 * Learning-rate schedules: the factor on the base rate in force during step s (0 before any update).
 * Source: diffusers `get_scheduler` (optimization.py).
 */

export interface LearningRateOptions {
  readonly name: ScheduleName;
  readonly warmupSteps?: number;
  readonly totalSteps?: number;
  readonly cycles?: number;
  readonly power?: number;
  /** Polynomial: the rate at the end. */
  readonly endRate?: number;
  /** Piecewise: `factor:untilStep, ..., factor`. */
  readonly rules?: string;
}

type Schedule = (step: number, o: LearningRateOptions, baseRate: number) => number;

const warmup = (step: number, warm: number): number | undefined => (step < warm ? step / Math.max(1, warm) : undefined);

const progress = (step: number, { warmupSteps = 0, totalSteps = 1 }: LearningRateOptions): number =>
  (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);

const schedules = {
  constant: () => 1,
  constant_with_warmup: (s, { warmupSteps = 0 }) => warmup(s, warmupSteps) ?? 1,
  linear: (s, o) => warmup(s, o.warmupSteps ?? 0) ?? Math.max(0, 1 - progress(s, o)),
  cosine: (s, o) =>
    warmup(s, o.warmupSteps ?? 0) ??
    Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (o.cycles ?? 0.5) * 2 * progress(s, o)))),
  cosine_with_restarts: (s, o) => {
    const warm = warmup(s, o.warmupSteps ?? 0);
    if (warm !== undefined) return warm;
    const p = progress(s, o);
    return p >= 1 ? 0 : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (((o.cycles ?? 1) * p) % 1))));
  },
  polynomial: (s, o, baseRate) => {
    const warm = warmup(s, o.warmupSteps ?? 0);
    if (warm !== undefined) return warm;
    const end = o.endRate ?? 1e-7;
    if (s > (o.totalSteps ?? 1)) return end / baseRate;
    const rest = 1 - progress(s, o);
    return ((baseRate - end) * rest ** (o.power ?? 1) + end) / baseRate;
  },
  piecewise_constant: (s, { rules = '1' }) => {
    const parts = rules.split(',').map((r) => r.trim());
    for (const part of parts.slice(0, -1)) {
      const [factor, until] = part.split(':').map(Number) as [number, number];
      if (s < until) return factor;
    }
    return Number(parts.at(-1));
  },
} satisfies Record<string, Schedule>;

export type ScheduleName = keyof typeof schedules;
export const scheduleNames = Object.keys(schedules) as ScheduleName[];

/** Learning rate during 0-based step `step`. */
export function learningRateAt(step: number, baseRate: number, options: LearningRateOptions): number {
  return baseRate * schedules[options.name](step, options, baseRate);
}
