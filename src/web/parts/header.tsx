/** Name, state of engine and connection, sign-out. */

import { For, Show } from 'solid-js';
import { storedToken } from '../session.ts';
import { megabytes } from '../state/words.ts';
import type { Studio } from '../studio.ts';

const stateWords: Readonly<Record<string, string>> = {
  stopped: 'asleep',
  starting: 'starting',
  idle: 'ready',
  busy: 'at work',
};

interface HeaderProps {
  readonly studio: Studio;
  readonly onSignOut: () => void;
}

export function Header(props: HeaderProps) {
  const { state } = props.studio;
  return (
    <header class="bar">
      <h1 class="brand">
        <img src="/favicon.svg" alt="" width="26" height="26" />
        Darkroom
      </h1>
      <ul class="engines" aria-label="Engines">
        <For each={state.status?.engines}>
          {(engine) => (
            <li
              class="pill"
              title={engine.rss > 0 ? `Uses ${megabytes(engine.rss)} of memory` : 'Wakes with the next job'}
            >
              <span class={`dot ${engine.state}`} />
              {engine.device.toUpperCase()} {stateWords[engine.state] ?? engine.state}
            </li>
          )}
        </For>
      </ul>
      <Show when={!state.live}>
        <p class="pill warning" role="status">
          <span class="dot lost" />
          Connection lost; trying again
        </p>
      </Show>
      <nav>
        <a href="/api">API</a>
        <Show when={(state.status && state.status.user.name !== 'local') || storedToken() !== undefined}>
          <span class="user">{state.status?.user.name}</span>
          <button type="button" class="link" onClick={() => props.onSignOut()}>
            Sign out
          </button>
        </Show>
      </nav>
    </header>
  );
}
