/** The whole page: sign-in where the server asks for it, else the form, the picture at work and the gallery. */

import { createEffect, createSignal, Match, onCleanup, onMount, Show, Switch } from 'solid-js';
import type { Api } from './api.ts';
import { Form } from './parts/form.tsx';
import { Gallery } from './parts/gallery.tsx';
import { Header } from './parts/header.tsx';
import { Lightbox } from './parts/lightbox.tsx';
import { Notices } from './parts/notices.tsx';
import { SignIn } from './parts/sign-in.tsx';
import { Stage } from './parts/stage.tsx';
import { forgetToken } from './session.ts';
import { spokenProgress } from './state/words.ts';
import type { Studio } from './studio.ts';

interface AppProps {
  readonly api: Api;
  readonly studio: Studio;
}

export function App(props: AppProps) {
  const { state } = props.studio;
  const signOut = async () => {
    forgetToken();
    await props.studio.signOut();
  };
  return (
    <>
      <Switch>
        <Match when={state.phase === 'starting' || state.phase === 'unreachable'}>
          <main class="gate" aria-busy="true">
            <div class="safelight" />
            <p role="status">
              {state.phase === 'starting'
                ? 'Opening the darkroom…'
                : 'Darkroom does not answer. Is it still running? “npm start” starts it; this page waits for it.'}
            </p>
          </main>
        </Match>
        <Match when={state.phase === 'sign-in'}>
          <SignIn api={props.api} onDone={() => void props.studio.start()} />
        </Match>
        <Match when={state.phase === 'ready'}>
          <Header studio={props.studio} onSignOut={() => void signOut()} />
          <Workplace studio={props.studio} />
        </Match>
      </Switch>
      <Notices notices={state.notices} onDismiss={props.studio.dismiss} />
    </>
  );
}

function Workplace(props: { readonly studio: Studio }) {
  const { studio } = props;
  const [shown, setShown] = createSignal<string>();
  let stage!: HTMLElement;

  const generate = async () => {
    const job = await studio.generate();
    if (job && matchMedia('(max-width: 860px)').matches) stage.scrollIntoView({ block: 'start' });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || shown() !== undefined) return;
    event.preventDefault();
    // What is being typed counts, although its field was not left yet.
    document.activeElement?.dispatchEvent(new Event('change'));
    void generate();
  };
  onMount(() => document.addEventListener('keydown', onKeyDown));
  onCleanup(() => document.removeEventListener('keydown', onKeyDown));

  return (
    <>
      <div class="workplace">
        <Form studio={studio} onGenerate={() => void generate()} />
        <main class="light-table">
          <Stage studio={studio} ref={(element) => (stage = element)} onShow={setShown} />
          <Gallery studio={studio} onShow={setShown} />
        </main>
      </div>
      <Show when={shown()}>{(id) => <Lightbox studio={studio} id={id()} onShow={setShown} />}</Show>
      <Spoken studio={studio} />
    </>
  );
}

/** Says what happens to those who do not see it. */
function Spoken(props: { readonly studio: Studio }) {
  const [text, setText] = createSignal('');
  let running = false;
  createEffect(() => {
    const { jobs, progress } = props.studio.state;
    const job = jobs.find((each) => each.state === 'running');
    if (job) setText(`Generating: ${spokenProgress(progress[job.id])}`);
    else if (running) setText('Generating has ended.');
    running = job !== undefined;
  });
  return (
    <p class="spoken" role="status">
      {text()}
    </p>
  );
}
