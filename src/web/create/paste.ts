/** What is pasted or dropped anywhere on Create: a picture becomes the start picture, a text of parameters is offered. */

import { onCleanup, onMount } from 'solid-js';
import { recall } from '../state/draft.ts';
import { useStudio } from '../state/studio.tsx';
import { words } from '../words/index.ts';

/** As A1111 writes them below a prompt. */
const parameters = /^(Negative prompt:|Steps: ?\S)/m;

export function usePasteAndDrop(take: (file: File | undefined) => Promise<void>): void {
  const readText = useParametersOfText();
  const onPaste = (event: ClipboardEvent) => {
    const file = event.clipboardData?.files[0];
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (file && text === '') {
      event.preventDefault();
      void take(file);
    } else if (parameters.test(text)) readText(text);
  };
  const onDragOver = (event: DragEvent) => event.preventDefault();
  // Else the browser would leave the page for the file.
  const onDrop = (event: DragEvent) => {
    const file = event.dataTransfer?.files[0];
    if (event.defaultPrevented || !file) return;
    event.preventDefault();
    void take(file);
  };
  const listeners = { paste: onPaste, dragover: onDragOver, drop: onDrop } as const;
  onMount(() => {
    for (const [type, listener] of Object.entries(listeners))
      document.addEventListener(type, listener as EventListener);
  });
  onCleanup(() => {
    for (const [type, listener] of Object.entries(listeners))
      document.removeEventListener(type, listener as EventListener);
  });
}

/** Says that a text tells settings, with the button that takes them over; what was in the form comes back by Undo. */
function useParametersOfText(): (text: string) => void {
  const studio = useStudio();
  const use = async (text: string) => {
    const read = await studio.attempt(async () => await studio.api.readParameters({ text }));
    if (!read) return;
    if (Object.keys(read.request).length === 0) {
      studio.say({ kind: 'error', text: words().create.noParameters });
      return;
    }
    studio.redraft(recall(read.request, studio.draft.fields()), words().create.recalled);
  };
  return (text) => {
    const action = { label: words().picture.reuse, run: () => void use(text) };
    studio.say({ kind: 'info', text: words().create.tellsParameters, action });
  };
}
