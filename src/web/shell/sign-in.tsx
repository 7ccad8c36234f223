/** Asked for by a server that others can reach: its token, or name and password of an account. */

import { createSignal, Show } from 'solid-js';
import { ApiError } from '../api.ts';
import { keepToken } from '../session.ts';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';

export function SignIn() {
  const studio = useStudio();
  const [way, setWay] = createSignal<'token' | 'password'>('token');
  const [problem, setProblem] = createSignal('');
  const [busy, setBusy] = createSignal(false);

  const signIn = async (fields: FormData) => {
    const text = (name: string) => String(fields.get(name) ?? '').trim();
    if (way() === 'password') return await studio.api.signInWithPassword(text('name'), String(fields.get('password')));
    await studio.api.signInWithToken(text('token'));
    return text('token');
  };
  const submit = async (form: HTMLFormElement) => {
    setBusy(true);
    setProblem('');
    try {
      keepToken(await signIn(new FormData(form)));
      void studio.start();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.code === 'network' ? words().errors['network']! : error.message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="min-h-dvh flex items-center justify-center p-4">
      <form
        class="card p-6 w-full max-w-96 stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <h1 class="row text-xl font-semibold">
          <img src="/favicon.svg" alt="" width="34" height="34" />
          Darkroom
        </h1>
        <Show
          when={way() === 'token'}
          fallback={
            <>
              <label class="stack gap-1 text-sm font-medium">
                {words().gate.name}
                <input class="field-box" name="name" autocomplete="username" required autofocus />
              </label>
              <label class="stack gap-1 text-sm font-medium">
                {words().gate.password}
                <input class="field-box" name="password" type="password" autocomplete="current-password" required />
              </label>
            </>
          }
        >
          <p class="hint">{words().gate.hint}</p>
          <label class="stack gap-1 text-sm font-medium">
            {words().gate.token}
            <input class="field-box" name="token" type="password" autocomplete="off" required autofocus />
          </label>
        </Show>
        <Show when={problem()}>
          <p class="problem-text" role="alert">
            {problem()}
          </p>
        </Show>
        <button type="submit" class="btn-primary" disabled={busy()}>
          {words().gate.signIn}
        </button>
        <button type="button" class="btn-quiet" onClick={() => setWay(way() === 'token' ? 'password' : 'token')}>
          {way() === 'token' ? words().gate.usePassword : words().gate.useToken}
        </button>
      </form>
    </main>
  );
}
