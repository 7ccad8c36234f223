/** An icon of the Lucide set as a mask in the text's colour; decoration only, so hidden from screen readers. */

const names = {
  create: 'i-lucide-wand-sparkles',
  gallery: 'i-lucide-images',
  models: 'i-lucide-box',
  queue: 'i-lucide-list-ordered',
  train: 'i-lucide-graduation-cap',
  lab: 'i-lucide-flask-conical',
  settings: 'i-lucide-settings',
  spark: 'i-lucide-sparkles',
  dice: 'i-lucide-dices',
  pin: 'i-lucide-pin',
  swap: 'i-lucide-arrow-left-right',
  close: 'i-lucide-x',
  download: 'i-lucide-download',
  trash: 'i-lucide-trash-2',
  reuse: 'i-lucide-rotate-ccw',
  left: 'i-lucide-chevron-left',
  right: 'i-lucide-chevron-right',
  up: 'i-lucide-chevron-up',
  down: 'i-lucide-chevron-down',
  stop: 'i-lucide-square',
  skip: 'i-lucide-skip-forward',
  pause: 'i-lucide-pause',
  play: 'i-lucide-play',
  star: 'i-lucide-star',
  search: 'i-lucide-search',
  image: 'i-lucide-image',
  copy: 'i-lucide-copy',
  warning: 'i-lucide-triangle-alert',
  signOut: 'i-lucide-log-out',
  expand: 'i-lucide-maximize',
  check: 'i-lucide-check',
  brush: 'i-lucide-brush',
  eraser: 'i-lucide-eraser',
  lasso: 'i-lucide-lasso',
  undo: 'i-lucide-undo-2',
  redo: 'i-lucide-redo-2',
  repeat: 'i-lucide-infinity',
  refresh: 'i-lucide-refresh-cw',
  timer: 'i-lucide-timer',
  dots: 'i-lucide-ellipsis',
} as const;

export type IconName = keyof typeof names;

export function Icon(props: { readonly name: IconName; readonly class?: string }) {
  return <span class={`${names[props.name]} ${props.class ?? 'size-5'}`} aria-hidden="true" />;
}
