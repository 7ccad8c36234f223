/** A picture of this or another program, dropped or chosen: what it was made with, and the way to make it again. */

import { useNavigate } from '@solidjs/router';
import { createResource, createSignal, onCleanup, Show } from 'solid-js';
import { ApiError } from '../api.ts';
import { dataUrl } from '../canvas/pictures.ts';
import { recall } from '../state/draft.ts';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { FileButton } from '../ui/file-button.tsx';
import { FileHead } from '../ui/file-head.tsx';
import { Icon } from '../ui/icon.tsx';
import { words } from '../words/index.ts';

export function ReadButton(props: { readonly onChoose: (file: File) => void }) {
  return (
    <FileButton accept="image/*" onChoose={props.onChoose}>
      <Icon name="search" /> {words().brought.choose}
    </FileButton>
  );
}

export function Brought(props: { readonly file: File; readonly onClose: () => void }) {
  const studio = useStudio();
  const navigate = useNavigate();
  const mayMake = useMayMake();
  const [problem, setProblem] = createSignal<string>();
  const [read] = createResource(
    () => props.file,
    async (file) => {
      try {
        return await studio.api.readParameters({ picture: await dataUrl(file) });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        setProblem(error.code === 'network' ? words().errors['network'] : error.message);
        return undefined;
      }
    },
  );
  const address = URL.createObjectURL(props.file);
  onCleanup(() => URL.revokeObjectURL(address));
  const reuse = () => {
    studio.redraft(recall(read()!.request, studio.draft.fields()), words().create.recalled);
    navigate('/');
  };
  const start = async () =>
    await studio.bring(props.file, (name) => {
      studio.startFrom(name);
      navigate('/?mode=canvas');
    });
  return (
    <section class="card p-3 mb-4 flex flex-wrap gap-4 items-start" aria-label={words().brought.title}>
      <img src={address} alt={props.file.name} class="max-h-60 max-w-full rounded-lg object-contain" />
      <div class="flex-1 at-least-60 stack">
        <FileHead name={props.file.name} onClose={props.onClose} />
        <Show when={!read.loading} fallback={<p class="hint">{words().common.loading}</p>}>
          <Show
            when={read()?.infotext}
            fallback={
              <p class={problem() === undefined ? 'hint' : 'problem-text'} role="status">
                {problem() ?? words().brought.none}
              </p>
            }
          >
            {(text) => (
              <pre class="whitespace-pre-wrap break-words text-xs bg-sunk rounded-lg p-3 max-h-60 overflow-auto">
                {text()}
              </pre>
            )}
          </Show>
          <Show when={mayMake() && read()}>
            <div class="row flex-wrap">
              <Show when={Object.keys(read()?.request ?? {}).length > 0}>
                <button type="button" class="btn-primary" onClick={reuse}>
                  <Icon name="reuse" /> {words().picture.reuse}
                </button>
              </Show>
              <button type="button" class="btn" onClick={() => void start()}>
                <Icon name="image" /> {words().picture.asStart}
              </button>
            </div>
          </Show>
        </Show>
      </div>
    </section>
  );
}
