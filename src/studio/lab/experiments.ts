/** Who runs the lab's experiments: one function each, by its name. */

import path from 'node:path';
import type { ExperimentName, LabRequest } from '#lab/experiments';
import { networks } from '#lab/lenet/index';
import { writeWhole } from '../training/write-whole.ts';
import { runComparison } from './compare.ts';
import { comparisonMarkdown, comparisonPage } from './comparison-page.ts';
import type { LabHost } from './lab-host.ts';
import { type LenetReport, trainedReader } from './lenet.ts';
import { lenetPage } from './lenet-page.ts';
import { readMnist } from './mnist-files.ts';

type Settings<N extends ExperimentName> = Omit<Extract<LabRequest, { experiment: N }>, 'experiment'>;
type Run<N extends ExperimentName> = (settings: Settings<N>, host: LabHost) => Promise<LabOutcome>;

export interface LabOutcome {
  /** Whether all is done; stopped before, the next start goes on. */
  readonly isDone: boolean;
  /** What came of it, in lines. */
  readonly lines: readonly string[];
  /** The page about it, in the folder; none where nothing is done yet. */
  readonly page?: string;
}

const pageFile = 'report.html';

const experiments: { readonly [N in ExperimentName]: Run<N> } = {
  async lenet({ networks: asked, epochs, seed, data }, host) {
    const sets = await readMnist(data);
    const reports: LenetReport[] = [];
    for (const network of networks.filter(({ name }) => asked.includes(name))) {
      const trained = await trainedReader({ network, epochs: epochs ?? network.training.epochs, seed }, sets, host);
      if (!trained) return { isDone: false, lines: reports.map(accuracyLine) };
      await trained.reader.dispose();
      reports.push(trained.report);
      host.finished?.(reports.length);
      host.log(accuracyLine(trained.report));
    }
    await writePage(host, lenetPage(reports));
    return { isDone: true, lines: reports.map(accuracyLine), page: pageFile };
  },
  async compare({ data, threads: _, ...options }, host) {
    const comparison = await runComparison(options, { ...host, data });
    if (!comparison) return { isDone: false, lines: [] };
    await writePage(host, await comparisonPage(comparison, host.folder));
    await writeWhole(path.join(host.folder, 'report.md'), [Buffer.from(comparisonMarkdown(comparison))]);
    const lines = [`${comparison.results.length} of ${comparison.runs} runs are done.`];
    return { isDone: comparison.results.length === comparison.runs, lines, page: pageFile };
  },
};

/** @throws UserError for digits that are not there or not right, or a folder with other settings */
export async function runExperiment(request: LabRequest, host: LabHost): Promise<LabOutcome> {
  const { experiment, ...settings } = request;
  const run = experiments[experiment] as Run<ExperimentName>;
  return await run(settings, host);
}

function accuracyLine({ title, count, right, steps, seconds }: LenetReport): string {
  const share = ((100 * right) / count).toFixed(2);
  return `${title}: ${share}% of ${count} test digits right (${count - right} wrong) after ${steps} steps in ${Math.round(seconds.clock)} s.`;
}

async function writePage({ folder }: LabHost, html: string): Promise<void> {
  await writeWhole(path.join(folder, pageFile), [Buffer.from(html)]);
}
