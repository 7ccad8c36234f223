/** Many pictures of varied requests as one job: an operation for each form of series, its fields beside a request's. */

import { z } from 'zod';
import { loopback } from '#pipelines/series/loopback';
import { matrix } from '#pipelines/series/matrix';
import { plot } from '#pipelines/series/plot';
import { promptList } from '#pipelines/series/prompt-list';
import { operation } from '../operation.ts';
import { jobSchema } from '../records/job.ts';
import { pictureSchema } from '../records/picture.ts';
import { jobInputSchema } from './jobs.ts';

/** A form shows what is the series' own before all that a request has. */
function first<S extends z.ZodRawShape>(shape: S): S {
  const fields = Object.entries(shape as unknown as Record<string, z.ZodType>);
  return Object.fromEntries(
    fields.map(([name, field]) => [name, field.meta({ ...field.meta(), level: 'simple', group: 'series' })]),
  ) as unknown as S;
}

function seriesRow<S extends z.ZodRawShape>({
  name,
  title,
  help,
  schema,
}: {
  name: string;
  title: string;
  help: string;
  schema: z.ZodObject<S>;
}) {
  return operation({
    method: 'post',
    path: `/series/${name}`,
    tag: 'Series',
    changes: ['own work'] as const,
    runs: true,
    form: true,
    tool: { title, about: help, on: 'pictures' },
    summary: `Queue one job: ${help[0]!.toLowerCase()}${help.slice(1)} Pictures come as in POST /jobs.`,
    input: z.strictObject({
      ...first(schema.shape),
      ...jobInputSchema.shape,
      wait: z
        .boolean()
        .default(false)
        .describe('Answer when the job has ended, with its pictures.')
        .meta({ in: 'query', control: 'none' }),
    }),
    output: z.object({ job: jobSchema, images: z.array(pictureSchema).optional().describe('The grid is the last.') }),
    status: 201,
  });
}

export const series = {
  plotPictures: seriesRow(plot),
  promptMatrix: seriesRow(matrix),
  promptLines: seriesRow(promptList),
  loopBack: seriesRow(loopback),
};
