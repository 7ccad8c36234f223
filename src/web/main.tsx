/** Entry of the page: takes the token from the address, then shows the studio. */

import 'virtual:uno.css';
import './theme/colours.css';
import { createRoot } from 'solid-js';
import { render } from 'solid-js/web';
import { ApiError, createApi } from './api.ts';
import { forgetToken, keepToken, storedToken } from './session.ts';
import { App, preloadView } from './shell/app.tsx';
import { applyTheme, storedTheme } from './shell/theme.ts';
import { watchMissingFiles } from './state/build.ts';
import { forgetOldPictures } from './state/kept-pictures.ts';
import { createStudio } from './state/studio.tsx';
import { takeToken } from './state/token.ts';
import { preferredLanguage, speak } from './words/index.ts';

watchMissingFiles();
preloadView(location.pathname);
const taken = takeToken(location.hash);
if (taken.token !== undefined) {
  keepToken(taken.token);
  history.replaceState(null, '', location.pathname + location.search + taken.rest);
}
const token = taken.token ?? storedToken();
const api = createApi();
// It lives as long as the page.
const studio = createRoot(() => createStudio(api));
applyTheme(storedTheme());
// Where the texts do not come, those that are here will do.
await speak(preferredLanguage()).catch(() => {});
render(() => <App studio={studio} />, document.getElementById('page')!);
void begin();
void forgetOldPictures();

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
