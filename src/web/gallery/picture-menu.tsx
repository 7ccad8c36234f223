/**
 * What can be done with one picture of a row, as a menu beside it: by its button, by the pointer's other button or a
 * long press, and by the menu key. It lies in the top layer, where no row clips it; the browser closes it by Escape or a
 * press elsewhere and brings the focus back.
 */

import { createMemo, createSignal, type JSX, Show } from 'solid-js';
import type { WireImage } from '#server/native/wire';
import { LabTools } from '../lab/picture-tools.tsx';
import { useMayMake, useStudio } from '../state/studio.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { words } from '../words/index.ts';
import { isFavourite, usePictureActions } from './picture-actions.ts';

/** From the edges of the window, in pixels. */
const margin = 8;

export interface PictureMenuState {
  readonly picture: () => WireImage | undefined;
  readonly place: () => JSX.CSSProperties;
  readonly open: (image: WireImage, beside: Element) => void;
  readonly setMenu: (menu: HTMLElement) => void;
  readonly close: () => void;
}

/** One menu for a whole row of `pictures`, of which it shows one as it is now. */
export function usePictureMenu(pictures: () => readonly WireImage[]): PictureMenuState {
  const [chosen, setChosen] = createSignal<string>();
  const picture = createMemo(() => {
    const id = chosen();
    return id === undefined ? undefined : pictures().find((each) => each.id === id);
  });
  const [place, setPlace] = createSignal<JSX.CSSProperties>({});
  let menu: HTMLElement | undefined;
  return {
    picture,
    place,
    open(image, beside) {
      setChosen(image.id);
      menu?.showPopover();
      if (menu) setPlace(placeBeside(beside.getBoundingClientRect(), menu.getBoundingClientRect()));
      menu?.querySelector<HTMLElement>('button, a')?.focus();
    },
    setMenu: (element) => (menu = element),
    close: () => menu?.hidePopover(),
  };
}

/** Above it where there is more room than below; never beyond the window. */
function placeBeside(of: DOMRect, menu: DOMRect): JSX.CSSProperties {
  const left = Math.max(margin, Math.min(of.left, innerWidth - menu.width - margin));
  const roomAbove = of.top - 2 * margin;
  const roomBelow = innerHeight - of.bottom - 2 * margin;
  const height = `${Math.max(roomAbove, roomBelow)}px`;
  // What comes later than the menu (the Lab's tools) has room on its other side.
  return roomAbove > roomBelow
    ? { left: `${left}px`, bottom: `${innerHeight - of.top + margin}px`, 'max-height': height }
    : { left: `${left}px`, top: `${of.bottom + margin}px`, 'max-height': height };
}

export function PictureMenu(props: { readonly menu: PictureMenuState }) {
  return (
    <div
      ref={props.menu.setMenu}
      popover="auto"
      class="top-layer fixed card shadow-lg p-1 w-64! overflow-auto!"
      style={props.menu.place()}
    >
      <Show when={props.menu.picture()}>{(image) => <Entries image={image()} close={props.menu.close} />}</Show>
    </div>
  );
}

interface EntriesProps {
  readonly image: WireImage;
  readonly close: () => void;
}

function Entries(props: EntriesProps) {
  const studio = useStudio();
  const mayMake = useMayMake();
  const actions = usePictureActions();
  const chosen = (work: (image: WireImage) => void) => () => {
    const { image } = props;
    props.close();
    work(image);
  };
  return (
    <ul aria-label={props.image.prompt || words().stage.withoutPrompt}>
      <Show when={mayMake()}>
        <Entry icon="reuse" text={words().picture.reuse} onChoose={chosen(actions.reuseAll)} />
        <Entry icon="copy" text={words().picture.reusePrompt} onChoose={chosen(actions.reusePrompt)} />
        <Show when={props.image.seed !== undefined}>
          <Entry icon="pin" text={words().picture.keepSeed} onChoose={chosen(actions.keepSeed)} />
        </Show>
        <Entry icon="brush" text={words().picture.asStart} onChoose={chosen(actions.toCanvas)} />
        <li>
          <details>
            <summary class="menu-entry list-none">
              <Icon name="lab" /> {words().picture.toLab}
            </summary>
            <ul class="pl-8">
              <LabTools id={props.image.id} class="menu-entry" onChoose={props.close} />
            </ul>
          </details>
        </li>
        <Entry
          icon="star"
          text={isFavourite(props.image) ? words().stage.noFavourite : words().stage.favourite}
          onChoose={chosen(actions.toggleFavourite)}
        />
      </Show>
      <li>
        <a class="menu-entry" href={`${props.image.url}?download=true`} download="" onClick={props.close}>
          <Icon name="download" /> {words().common.download}
        </a>
      </li>
      <Show when={mayMake()}>
        <Entry icon="trash" text={words().common.delete} onChoose={chosen((image) => void studio.trash([image]))} />
      </Show>
    </ul>
  );
}

function Entry(props: { readonly icon: IconName; readonly text: string; readonly onChoose: () => void }) {
  return (
    <li>
      <button type="button" class="menu-entry" onClick={() => props.onChoose()}>
        <Icon name={props.icon} /> {props.text}
      </button>
    </li>
  );
}
