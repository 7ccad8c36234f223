/** `/api/v1/generate`: one picture, answered as its file. For curl and scripts that want nothing else. */

import { UserError } from '#core/errors';
import { finishedJob } from '../finished-job.ts';
import { pictureMaxBody } from '../http/body.ts';
import { FieldError } from '../http/check.ts';
import { type Route, route } from '../http/route.ts';
import { type JobRouteParts, jobInputOfForm, submission } from './job-routes.ts';
import { jobInputSchema } from './job-schemas.ts';

export function generateRoute({ studio, pictures }: JobRouteParts): Route {
  return route({
    method: 'post',
    path: '/generate',
    operation: 'generate',
    tag: 'Jobs',
    role: 'user',
    summary: 'One picture, answered as its file; its id is in x-darkroom-image. A client that leaves cancels it.',
    body: jobInputSchema,
    fromMultipart: jobInputOfForm,
    maxBody: pictureMaxBody,
    answer: { description: 'The picture, parameters inside.', type: 'image/*' },
    async handle({ body }, call) {
      const many = (['batchSize', 'batchCount'] as const).find((field) => (body[field] ?? 1) > 1);
      if (many) throw new FieldError(many, `${many}: here it is one picture; POST /api/v1/jobs makes several.`);
      const [submitted] = await studio.submit(await submission(body, call, pictures));
      const job = await finishedJob(studio, submitted!.id, call.signal);
      const [image] = studio.gallery.search({ job: job.id }).images;
      if (!image) throw new UserError('job.cancelled', `Job ${job.id} was cancelled before it had a picture.`);
      return new Response(await studio.gallery.read(image.id), {
        headers: { 'content-type': `image/${image.format}`, 'x-darkroom-image': image.id },
      });
    },
  });
}
