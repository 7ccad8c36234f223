/**
 * `npm run faults -- RUN [--count N] [--seed N] ...`: one fault or load run, its report on standard output. Ends with 1
 * when the run found a problem. To add one: a file beside this one and a row here.
 */

import process from 'node:process';
import { parseArgs } from 'node:util';

interface Flags {
  readonly count: number | undefined;
  readonly seed: number;
  /** Of a list, the place of the first that is tried. */
  readonly from: number | undefined;
  readonly clients: number | undefined;
  readonly seconds: number | undefined;
  readonly fake: boolean;
  readonly role: string | undefined;
  readonly only: string | undefined;
  readonly tell: (line: string) => void;
}

interface Report {
  readonly problems: readonly string[];
}

const mostMutations = 1000;

const runs: Readonly<Record<string, (flags: Flags) => Promise<Report>>> = {
  load: async ({ count = 1000, clients = 50, fake }) =>
    await (await import('./load-run.ts')).loadRun({ jobs: count, clients, real: !fake }),
  kill: async ({ count = 1000, seed, seconds, tell }) =>
    await (await import('./kill-run.ts')).killRun(count, seed, tell, seconds),
  fuzz: async ({ count = 10_000, seed, role, tell }) => {
    const { fuzzRun, fuzzRoles } = await import('./fuzz-run.ts');
    return await fuzzRun({ count, seed, tell, role: fuzzRoles.find((one) => one === role) });
  },
  events: async ({ clients = 500, seconds = 60, seed }) =>
    await (await import('./events-run.ts')).eventsRun({ clients, seconds, seed }),
  mutations: async ({ count = mostMutations, from = 0, only = '', tell }) => {
    const { mutations } = await import('./mutations.ts');
    const chosen = mutations.slice(from, from + count).filter(({ breaks }) => breaks.includes(only));
    return (await import('./mutations-run.ts')).mutationsRun(tell, chosen);
  },
  trouble: async ({ count = 30, seed, tell }) => await (await import('./trouble-run.ts')).troubleRun(count, seed, tell),
  crowd: async ({ tell }) => await (await import('./crowd-run.ts')).crowdRun(tell),
  hostile: async ({ only, tell }) => await (await import('./hostile-run.ts')).hostileRun({ only, tell }),
  growth: async ({ count, only, tell }) =>
    await (await import('./growth-run.ts')).growthRun({ size: count, only, tell }),
  soak: async ({ seconds = 600, seed, tell }) => await (await import('./soak-run.ts')).soakRun({ seconds, seed, tell }),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string' },
    clients: { type: 'string' },
    seconds: { type: 'string' },
    fake: { type: 'boolean', default: false },
    role: { type: 'string' },
    only: { type: 'string' },
  },
});
const whole = (text: string | undefined) => (text === undefined ? undefined : Math.max(1, Math.trunc(Number(text))));
const run = runs[positionals[0] ?? ''];
if (run) {
  const seed = whole(values.seed) ?? Date.now() % 2 ** 31;
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  const { count, clients, seconds } = values;
  tell(`seed ${seed}`);
  const flags = {
    count: whole(count),
    clients: whole(clients),
    seconds: whole(seconds),
    seed,
    from: values.from === undefined ? undefined : Math.trunc(Number(values.from)),
    fake: values.fake,
    role: values.role,
    only: values.only,
    tell,
  };
  const report = await run(flags);
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = report.problems.length === 0 ? 0 : 1;
} else {
  process.stderr.write(`give the name of a run: ${Object.keys(runs).join(', ')}\n`);
  process.exitCode = 2;
}
