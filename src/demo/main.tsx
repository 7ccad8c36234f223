/** Entry of the page without a server: starts the worker and opens the model that lies beside the page. */

import 'virtual:uno.css';
import '../web/theme/colours.css';
import '../web/zod-without-eval.ts';
import { render } from 'solid-js/web';
import { App } from './app.tsx';
import { createDarkroom } from './darkroom.ts';
import { words } from './words.ts';

/** Beside the page. */
const shipped = 'darkroom-mini.safetensors';

const darkroom = createDarkroom(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
render(() => <App darkroom={darkroom} />, document.getElementById('page')!);
if (navigator.gpu) darkroom.fetch(new URL(shipped, document.baseURI).href);
else darkroom.refuse(words.noWebGpu);
