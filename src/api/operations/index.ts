/** Every operation, by name. A new one is a row here or in its noun's file, and the studio method of its name. */

import { control } from './control.ts';
import { jobs, queue } from './jobs.ts';
import { lab } from './lab.ts';
import { models, modelWork, pulls } from './models.ts';
import { boards, pictures } from './pictures.ts';
import { series } from './series.ts';
import { styles } from './styles.ts';
import { choices, events, settings, studio } from './system.ts';
import { datasets, trainings } from './trainings.ts';
import { session, tokens, users } from './users.ts';

export const operations = {
  ...jobs,
  ...series,
  ...queue,
  ...control,
  ...pictures,
  ...boards,
  ...models,
  ...modelWork,
  ...pulls,
  ...trainings,
  ...datasets,
  ...lab,
  ...events,
  ...choices,
  ...styles,
  ...settings,
  ...studio,
  ...session,
  ...users,
  ...tokens,
};

export type Operations = typeof operations;
export type OperationName = keyof Operations;
