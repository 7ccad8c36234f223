import { expect, it } from 'vitest';
import { UserError } from '#core/errors';
import type { Library } from '../library/library.ts';
import { checkRequest } from './check-request.ts';

it('draws with the VAE of the model’s card where a request leaves it open, and tells of one that is gone', () => {
  const checked = (card: object, fields: object = {}) => {
    const models = [
      { name: 'tower', card, description: {} },
      { name: 'soft', card: {}, description: {} },
    ];
    const find = (wanted: string) => {
      const found = models.find(({ name }) => name === wanted);
      if (!found) throw new UserError('model.unknown', `There is no vae called "${wanted}".`);
      return found;
    };
    const library = { find, list: () => models } as unknown as Library;
    const { request, warnings } = checkRequest({ prompt: 'a fox', model: 'tower', ...fields }, library, '');
    return [request.vae, warnings];
  };
  expect(checked({})).toEqual([undefined, []]);
  expect(checked({ vae: 'soft' })).toEqual(['soft', []]);
  expect(checked({ vae: 'soft' }, { vae: 'Automatic' })).toEqual(['soft', []]);
  expect(checked({ vae: 'soft' }, { vae: 'None' })).toEqual([undefined, []]);
  expect(checked({ vae: 'None' })).toEqual([undefined, []]);
  expect(checked({ vae: 'gone' })).toEqual([
    undefined,
    ['The VAE of this model\'s card is not taken. There is no vae called "gone".'],
  ]);
});
