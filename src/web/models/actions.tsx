/** What can be done with a model that draws. */

import { useNavigate } from '@solidjs/router';
import { Show } from 'solid-js';
import type { WireModel } from '#server/native/wire';
import { useSettings, useStatus } from '../state/queries.ts';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';

export function useMayChangeModels(): () => boolean {
  const status = useStatus();
  return () => status.data?.user.role === 'admin';
}

export function ModelActions(props: { readonly model: WireModel }) {
  const studio = useStudio();
  const navigate = useNavigate();
  const settings = useSettings();
  const mayChange = useMayChangeModels();
  const draws = () => props.model.kind === 'checkpoint' && props.model.problem === undefined;
  const isDefault = () => settings.data?.defaultModel === props.model.name;
  const use = () => {
    studio.draft.set('model', props.model.name);
    navigate('/');
  };
  const toggleDefault = () =>
    void studio.attempt(
      async () => await studio.api.changeSettings({ defaultModel: isDefault() ? '' : props.model.name }),
    );
  return (
    <Show when={draws()}>
      <button type="button" class="btn-primary" onClick={use}>
        {words().models.use}
      </button>
      <Show when={mayChange()}>
        <button type="button" class="btn" aria-pressed={isDefault()} onClick={toggleDefault}>
          {isDefault() ? words().models.isDefault : words().models.makeDefault}
        </button>
      </Show>
    </Show>
  );
}
