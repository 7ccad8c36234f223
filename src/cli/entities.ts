/** What people type for things: ids, the beginnings of ids, names, hashes. */

import type { Entity } from '#api/operation';
import { modelKinds } from '#api/records/model';
import { UserError } from '#core/errors';
import { unknownJob } from '#studio/queue/unknown-job';
import type { StudioFolder } from '#studio/studio-folder';
import { tokenId } from '#studio/users/users';

/** The id that a text stands for. @throws UserError `*.unknown`, `id.ambiguous` */
export async function resolveEntity(of: Entity, text: string, studio: StudioFolder): Promise<string> {
  return await resolvers[of](text, studio);
}

const resolvers: Record<Entity, (text: string, studio: StudioFolder) => string | Promise<string>> = {
  job: (text, studio) => {
    const id = beginning('jobs', text, studio);
    if (id === undefined) throw unknownJob(text);
    return id;
  },
  // What is unknown is said by the one who looks for it.
  picture: (text, studio) => beginning('images', text, studio) ?? text,
  board: (text, { boards }) => boards.find(text),
  model: (text, { library }) => (library.byHash(text)[0] ?? library.find(text, modelKinds)).id,
  async 'trashed model'(text, { modelTrash }) {
    const models = await modelTrash.list();
    // Of several of one name the last removed.
    const found = models.find(({ id, name }) => id === text || name === text);
    if (!found) throw new UserError('model.unknown', `There is no model ${JSON.stringify(text)} in the trash.`);
    return found.id;
  },
  pull: (text) => text,
  user(text, { users }) {
    if (users.get(text)) return text;
    throw new UserError('user.unknown', `There is no user ${JSON.stringify(text)}.`);
  },
  token: (text) => (text.startsWith('dr_') ? tokenId(text) : text),
};

function beginning(of: 'jobs' | 'images', text: string, studio: StudioFolder): string | undefined {
  const ids = studio.idsBeginning(of, text);
  if (ids.length <= 1 || ids.includes(text)) return ids.includes(text) ? text : ids[0];
  throw new UserError(
    'id.ambiguous',
    `Several ids begin with ${text}, such as ${ids.join(' and ')}; write more of it.`,
  );
}
