/** What a long piece of work has left to look at: its report, and pictures, the newest first. */

import { For, Show } from 'solid-js';
import { words } from '../words/index.ts';

const picture = /\.(png|webp|jpe?g)$/i;
const page = /\.html$/i;

interface RunFilesProps {
  readonly files: readonly string[];
  readonly address: (path: string) => string;
  /** What the report shows. */
  readonly report: string;
}

export function RunFiles(props: RunFilesProps) {
  const of = (kind: RegExp) => props.files.filter((file) => kind.test(file));
  return (
    <>
      <For each={of(page)}>
        {(file) => (
          <a class="btn self-start" href={props.address(file)} target="_blank" rel="noreferrer">
            {props.report}
          </a>
        )}
      </For>
      <Show when={of(picture).length > 0}>
        <section class="stack" aria-label={words().train.samples}>
          <h2 class="title">{words().train.samples}</h2>
          <ul class="grid sm:grid-cols-2 lg:grid-cols-3 gap-4">
            <For each={of(picture).toReversed()}>
              {(file) => (
                <li>
                  <figure class="m-0">
                    <a href={props.address(file)} target="_blank" rel="noreferrer">
                      <img src={props.address(file)} alt={file} loading="lazy" class="w-full rounded-lg bg-sunk" />
                    </a>
                    <figcaption class="hint break-all">{file}</figcaption>
                  </figure>
                </li>
              )}
            </For>
          </ul>
        </section>
      </Show>
    </>
  );
}
