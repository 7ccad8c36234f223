/** What each operation does: one map, total by type, for every face. */

import type { Handlers } from './context.ts';
import { controlHandlers } from './control.ts';
import { jobHandlers, queueHandlers, seriesHandlers } from './jobs.ts';
import { labHandlers } from './lab.ts';
import { modelHandlers, modelWorkHandlers, pullHandlers } from './models.ts';
import { boardHandlers, pictureHandlers } from './pictures.ts';
import { styleHandlers } from './styles.ts';
import { choiceHandlers, settingsHandlers, studioHandlers } from './system.ts';
import { datasetHandlers, trainingHandlers } from './trainings.ts';
import { sessionHandlers, tokenHandlers, userHandlers } from './users.ts';

export const handlers: Handlers = {
  ...jobHandlers,
  ...seriesHandlers,
  ...queueHandlers,
  ...controlHandlers,
  ...pictureHandlers,
  ...boardHandlers,
  ...modelHandlers,
  ...modelWorkHandlers,
  ...pullHandlers,
  ...trainingHandlers,
  ...datasetHandlers,
  ...labHandlers,
  ...choiceHandlers,
  ...styleHandlers,
  ...settingsHandlers,
  ...studioHandlers,
  ...sessionHandlers,
  ...userHandlers,
  ...tokenHandlers,
};
