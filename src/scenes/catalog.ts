/** What scenes are made of: objects (flat emoji of fluent-emoji-flat, MIT), places, times of day, sizes, relations. */

export interface ObjectKind {
  readonly name: string;
  readonly plural: string;
  /** Name in `@iconify-json/fluent-emoji-flat`. */
  readonly icon: string;
}

const kind = (name: string, icon = name.replaceAll(' ', '-'), plural = `${name}s`): ObjectKind => ({
  name,
  plural,
  icon,
});

export const objectKinds: readonly ObjectKind[] = [
  kind('fox', 'fox', 'foxes'),
  kind('cat', 'cat-face'),
  kind('dog', 'dog-face'),
  kind('horse', 'horse-face'),
  kind('cow', 'cow-face'),
  kind('pig', 'pig-face'),
  kind('rabbit', 'rabbit-face'),
  kind('bear'),
  kind('panda'),
  kind('lion'),
  kind('tiger', 'tiger-face'),
  kind('elephant'),
  kind('monkey', 'monkey-face'),
  kind('frog'),
  kind('turtle'),
  kind('fish', 'tropical-fish', 'fish'),
  kind('whale', 'spouting-whale'),
  kind('octopus', 'octopus', 'octopuses'),
  kind('crab'),
  kind('butterfly', 'butterfly', 'butterflies'),
  kind('bee', 'honeybee'),
  kind('ladybug', 'lady-beetle'),
  kind('snail'),
  kind('penguin'),
  kind('owl'),
  kind('duck'),
  kind('rooster'),
  kind('unicorn'),
  kind('dinosaur', 'sauropod'),
  kind('tree', 'deciduous-tree'),
  kind('palm tree'),
  kind('cactus', 'cactus', 'cacti'),
  kind('sunflower'),
  kind('tulip'),
  kind('mushroom'),
  kind('apple', 'red-apple'),
  kind('banana'),
  kind('watermelon'),
  kind('strawberry', 'strawberry', 'strawberries'),
  kind('cherry', 'cherries', 'cherries'),
  kind('lemon'),
  kind('pineapple'),
  kind('orange', 'tangerine'),
  kind('carrot'),
  kind('pumpkin', 'jack-o-lantern'),
  kind('pizza', 'pizza', 'pizzas'),
  kind('hamburger'),
  kind('donut', 'doughnut'),
  kind('cake', 'birthday-cake'),
  kind('car', 'automobile'),
  kind('bus', 'bus', 'buses'),
  kind('tractor'),
  kind('bicycle'),
  kind('boat', 'sailboat'),
  kind('airplane'),
  kind('rocket'),
  kind('train', 'locomotive'),
  kind('house'),
  kind('castle'),
  kind('tent'),
  kind('umbrella'),
  kind('balloon'),
  kind('guitar'),
  kind('drum'),
  kind('crown'),
  kind('robot'),
  kind('ghost'),
  kind('snowman', 'snowman', 'snowmen'),
];

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
  city: ['in the city', 'in front of a city', 'downtown in the city'],
};

export const times = ['day', 'night', 'sunset'] as const;
export type TimeOfDay = (typeof times)[number];

export const timePhrases: Readonly<Record<TimeOfDay, readonly string[]>> = {
  day: ['by day', 'on a sunny day', 'in daylight'],
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
