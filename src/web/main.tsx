/** Entry of the page: takes the token from the address, then shows the studio. */

import { render } from 'solid-js/web';
import { Api, ApiError } from './api.ts';
import { App } from './app.tsx';
import { forgetToken, keepToken, storedToken } from './session.ts';
import { takeToken } from './state/token.ts';
import { createStudio } from './studio.ts';

const taken = takeToken(location.hash);
if (taken.token !== undefined) {
  keepToken(taken.token);
  history.replaceState(null, '', location.pathname + location.search + taken.rest);
}
const token = taken.token ?? storedToken();
const api = new Api();
const studio = createStudio(api);
render(() => <App api={api} studio={studio} />, document.getElementById('page')!);
void begin();

/** A token that is not known any more is dropped: the cookie of an earlier sign-in may still do. */
async function begin(): Promise<void> {
  if (token !== undefined) {
    try {
      await api.signInWithToken(token);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) forgetToken();
    }
  }
  await studio.start();
}
