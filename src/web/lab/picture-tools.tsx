/** The tools of the Lab that take a picture, as entries of a list: each begins with the picture in it. */

import { A } from '@solidjs/router';
import { For } from 'solid-js';
import { takesPicture, useTools } from './tools.ts';

interface LabToolsProps {
  /** Of the picture. */
  readonly id: string;
  readonly class: string;
  readonly onChoose?: () => void;
}

export function LabTools(props: LabToolsProps) {
  const { tools } = useTools();
  return (
    <For each={tools().filter(takesPicture)}>
      {({ name, title }) => (
        <li>
          <A class={props.class} href={`/lab/${name}?picture=${props.id}`} onClick={() => props.onChoose?.()}>
            {title}
          </A>
        </li>
      )}
    </For>
  );
}
