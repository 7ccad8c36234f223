/** The worker's state as signals, and orders to it. */

import { createSignal } from 'solid-js';
import type { PixelImage } from '#core/image';
import type { News, OpenedModel, Order, TrainingAsked } from './protocol.ts';
import { words } from './words.ts';

export interface DrawnPicture {
  readonly address: string;
  readonly infotext: string;
}

export interface LossRow {
  readonly [name: string]: number;
}

export type Darkroom = ReturnType<typeof createDarkroom>;

export function createDarkroom(worker: Worker) {
  const [device, setDevice] = createSignal<string>();
  const [model, setModel] = createSignal<OpenedModel>();
  const [busy, setBusy] = createSignal<'open' | 'draw' | 'train'>();
  const [doing, setDoing] = createSignal<string>();
  const [problem, setProblem] = createSignal<string>();
  const [warnings, setWarnings] = createSignal<readonly string[]>([]);
  const [preview, setPreview] = createSignal<PixelImage>();
  const [picture, setPicture] = createSignal<DrawnPicture>();
  const [losses, setLosses] = createSignal<readonly LossRow[]>([]);
  const [trained, setTrained] = createSignal<{ readonly name: string; readonly address: string }>();

  const listeners: { readonly [T in News['type']]: (news: Extract<News, { type: T }>) => void } = {
    device: ({ text }) => setDevice(text),
    reading: ({ bytes, totalBytes }) => setDoing(words.reading(bytes, totalBytes)),
    opened: ({ model: opened }) => setModel(opened),
    event({ event }) {
      if (event.type === 'loading') setDoing(words.loading(event.part, event.totalBytes));
      else if (event.type === 'step') setDoing(words.step(event.step, event.steps));
      else if (event.type === 'preview') setPreview(event.images[0]);
      else if (event.type === 'warning') setWarnings((told) => [...told, event.message]);
    },
    picture({ png, infotext }) {
      const before = picture();
      if (before) URL.revokeObjectURL(before.address);
      setPicture({ address: URL.createObjectURL(png), infotext });
    },
    step({ step, steps, loss }) {
      setDoing(words.step(step, steps));
      setLosses((rows) => [...rows, { step, loss }]);
    },
    trained: ({ name, file }) => setTrained({ name, address: URL.createObjectURL(file) }),
    done: () => ended(),
    failed({ message }) {
      setProblem(message);
      ended();
    },
  };
  function ended(): void {
    setBusy(undefined);
    setDoing(undefined);
    setPreview(undefined);
  }
  worker.addEventListener('message', ({ data: news }: MessageEvent<News>) => {
    (listeners[news.type] as (news: News) => void)(news);
  });
  worker.addEventListener('error', ({ message }) => listeners.failed({ type: 'failed', message }));

  function order(what: 'open' | 'draw' | 'train', given: Order): void {
    setBusy(what);
    setProblem(undefined);
    setWarnings([]);
    worker.postMessage(given);
  }

  return {
    ...{ device, model, busy, doing, problem, warnings, preview, picture, losses, trained },
    open: (files: readonly File[]) => order('open', { type: 'open', files }),
    fetch: (address: string) => order('open', { type: 'fetch', address }),
    draw: (settings: Readonly<Record<string, unknown>>) => order('draw', { type: 'draw', settings }),
    train(training: TrainingAsked) {
      setLosses([]);
      setTrained(undefined);
      order('train', { type: 'train', training });
    },
    stop: () => worker.postMessage({ type: 'stop' } satisfies Order),
    refuse: (message: string) => setProblem(message),
  };
}
