/** What scenes are made of: objects (flat emoji of fluent-emoji-flat, MIT), places, times of day, sizes, relations. */

/** Fills of an icon that a paint replaces, in lower-case hex as the icon set writes them. */
export interface PaintableFills {
  readonly main: string;
  readonly dark?: string;
  readonly light?: string;
}

export interface ObjectKind {
  readonly name: string;
  readonly plural: string;
  /** Name in `@iconify-json/fluent-emoji-flat`. */
  readonly icon: string;
  /** Other names, said now and then of a single one. */
  readonly synonyms: readonly string[];
  /** Present when the thing is also drawn in the colours of `paints`. */
  readonly fills?: PaintableFills;
}

type KindDetails = Partial<Omit<ObjectKind, 'name'>>;

const kind = (name: string, details: KindDetails = {}): ObjectKind => ({
  name,
  plural: `${name}s`,
  icon: name.replaceAll(' ', '-'),
  synonyms: [],
  ...details,
});

export const objectKinds: readonly ObjectKind[] = [
  kind('fox', { plural: 'foxes' }),
  kind('cat', { icon: 'cat-face', synonyms: ['kitten'] }),
  kind('dog', { icon: 'dog-face', synonyms: ['puppy'] }),
  kind('horse', { icon: 'horse-face' }),
  kind('cow', { icon: 'cow-face' }),
  kind('pig', { icon: 'pig-face' }),
  kind('rabbit', { icon: 'rabbit-face', synonyms: ['bunny'] }),
  kind('bear', { synonyms: ['brown bear'] }),
  kind('panda'),
  kind('lion'),
  kind('tiger', { icon: 'tiger-face' }),
  kind('elephant'),
  kind('monkey', { icon: 'monkey-face' }),
  kind('frog'),
  kind('turtle'),
  kind('fish', { icon: 'tropical-fish', plural: 'fish', synonyms: ['tropical fish'] }),
  kind('whale', { icon: 'spouting-whale' }),
  kind('octopus', { plural: 'octopuses' }),
  kind('crab'),
  kind('butterfly', { plural: 'butterflies' }),
  kind('bee', { icon: 'honeybee' }),
  kind('ladybug', { icon: 'lady-beetle', synonyms: ['ladybird'] }),
  kind('snail'),
  kind('penguin'),
  kind('owl'),
  kind('duck'),
  kind('unicorn'),
  kind('dinosaur', { icon: 'sauropod' }),
  kind('tree', { icon: 'deciduous-tree' }),
  kind('palm tree', { synonyms: ['palm'] }),
  kind('cactus', { plural: 'cacti' }),
  kind('sunflower'),
  kind('tulip', { fills: { main: '#ff6dc6', dark: '#f70a8d' } }),
  kind('mushroom'),
  kind('apple', { icon: 'red-apple' }),
  kind('banana'),
  kind('watermelon'),
  kind('strawberry', { plural: 'strawberries' }),
  kind('lemon'),
  kind('pineapple'),
  kind('carrot'),
  kind('pumpkin', { icon: 'jack-o-lantern' }),
  kind('pizza', { synonyms: ['slice of pizza'] }),
  kind('hamburger', { synonyms: ['burger'] }),
  kind('donut', { icon: 'doughnut', synonyms: ['doughnut'] }),
  kind('cake', { icon: 'birthday-cake', synonyms: ['birthday cake'] }),
  kind('car', { icon: 'automobile', fills: { main: '#f8312f' } }),
  kind('bus', { plural: 'buses' }),
  kind('tractor'),
  kind('bicycle', { synonyms: ['bike'] }),
  kind('boat', { icon: 'sailboat', synonyms: ['sailboat'] }),
  kind('airplane', { synonyms: ['plane'] }),
  kind('rocket'),
  kind('train', { icon: 'locomotive' }),
  kind('house'),
  kind('castle'),
  kind('tent'),
  kind('umbrella', { fills: { main: '#8d65c5', dark: '#433b6b' } }),
  kind('balloon', { fills: { main: '#f8312f', dark: '#ca0b4a', light: '#ff8687' } }),
  kind('guitar'),
  kind('heart', { icon: 'red-heart', fills: { main: '#f8312f', dark: '#ca0b4a', light: '#f37366' } }),
  kind('crown'),
  kind('robot'),
  kind('ghost'),
  kind('snowman', { plural: 'snowmen' }),
];

export const paints = ['red', 'blue', 'green', 'yellow', 'purple'] as const;
export type Paint = (typeof paints)[number];

/** Main, dark and light tone of each paint, from the icon set's own palette. */
export const paintTones: Readonly<Record<Paint, Required<PaintableFills>>> = {
  red: { main: '#f8312f', dark: '#ca0b4a', light: '#ff8687' },
  blue: { main: '#1f6fff', dark: '#1345b7', light: '#7fb4ff' },
  green: { main: '#2fb344', dark: '#14803a', light: '#86d72f' },
  yellow: { main: '#fcd53f', dark: '#f3ad1c', light: '#fff09a' },
  purple: { main: '#8d3fd0', dark: '#56208c', light: '#c79bf0' },
};

export const places = ['meadow', 'beach', 'desert', 'snow', 'sea', 'forest', 'mountains', 'city'] as const;
export type Place = (typeof places)[number];

/** How a place is said after an object; the first is the plainest. */
export const placePhrases: Readonly<Record<Place, readonly string[]>> = {
  meadow: ['in a meadow', 'on the grass', 'in a green field'],
  beach: ['on the beach', 'at the beach', 'on a sandy beach'],
  desert: ['in the desert', 'in a sandy desert', 'among desert dunes'],
  snow: ['in the snow', 'on a snowy field', 'in a snowy landscape'],
  sea: ['at sea', 'on the sea', 'on the ocean'],
  forest: ['in the forest', 'in the woods', 'in a pine forest'],
  mountains: ['in the mountains', 'in front of mountains', 'by the mountains'],
  city: ['in the city', 'in a city', 'downtown in the city'],
};

export const times = ['day', 'night', 'sunset'] as const;
export type TimeOfDay = (typeof times)[number];

export const timePhrases: Readonly<Record<TimeOfDay, readonly string[]>> = {
  day: ['by day', 'on a sunny day', 'in daylight', 'during the day'],
  night: ['at night', 'under the stars', 'in the moonlight'],
  sunset: ['at sunset', 'at dusk', 'in the evening sun'],
};

export const sizes = ['small', 'medium', 'large'] as const;
export type Size = (typeof sizes)[number];

export const sizeWords: Readonly<Record<Size, readonly string[]>> = {
  small: ['small', 'little', 'tiny'],
  medium: [],
  large: ['large', 'big', 'huge'],
};

export const relations = ['left of', 'right of', 'above', 'below', 'beside'] as const;
export type Relation = (typeof relations)[number];

export const relationPhrases: Readonly<Record<Relation, readonly string[]>> = {
  'left of': ['to the left of', 'left of', 'on the left of'],
  'right of': ['to the right of', 'right of', 'on the right of'],
  above: ['above', 'over'],
  below: ['below', 'under', 'underneath'],
  beside: ['beside', 'next to', 'and'],
};

export const countWords = ['zero', 'one', 'two', 'three'] as const;
