/** Asked for by a server that others can reach: its token, or name and password of an account. */

import { createSignal, Show } from 'solid-js';
import { type Api, ApiError } from '../api.ts';
import { keepToken } from '../session.ts';

interface SignInProps {
  readonly api: Api;
  readonly onDone: () => void;
}

export function SignIn(props: SignInProps) {
  const [way, setWay] = createSignal<'token' | 'password'>('token');
  const [problem, setProblem] = createSignal('');
  const [busy, setBusy] = createSignal(false);

  const signIn = async (fields: FormData) => {
    const text = (name: string) => String(fields.get(name) ?? '').trim();
    if (way() === 'password') return await props.api.signInWithPassword(text('name'), String(fields.get('password')));
    await props.api.signInWithToken(text('token'));
    return text('token');
  };
  const submit = async (form: HTMLFormElement) => {
    setBusy(true);
    setProblem('');
    try {
      keepToken(await signIn(new FormData(form)));
      props.onDone();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="gate">
      <form
        class="sign-in"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <h1 class="brand">
          <img src="/favicon.svg" alt="" width="34" height="34" />
          Darkroom
        </h1>
        <Show
          when={way() === 'token'}
          fallback={
            <>
              <label class="field">
                <span>Name</span>
                <input name="name" autocomplete="username" required autofocus />
              </label>
              <label class="field">
                <span>Password</span>
                <input name="password" type="password" autocomplete="current-password" required />
              </label>
            </>
          }
        >
          <p class="hint">The terminal in which Darkroom was started shows an address with a token at its end.</p>
          <label class="field">
            <span>Token</span>
            <input name="token" type="password" autocomplete="off" required autofocus />
          </label>
        </Show>
        <Show when={problem()}>
          <p class="problem" role="alert">
            {problem()}
          </p>
        </Show>
        <button type="submit" class="primary" disabled={busy()}>
          Sign in
        </button>
        <button type="button" class="link" onClick={() => setWay(way() === 'token' ? 'password' : 'token')}>
          {way() === 'token' ? 'Use name and password instead' : 'Use a token instead'}
        </button>
      </form>
    </main>
  );
}
