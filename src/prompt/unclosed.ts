/** Brackets of attention that are open at the end of a prompt, or closed without having been opened. */

const kinds = [
  ['(', ')'],
  ['[', ']'],
] as const;

/** One sentence for each kind and side; A1111 takes an open one to the end, and a closing one alone as a word. */
export function unclosedBrackets(prompt: string, where: string): string[] {
  return kinds.flatMap(([open, close]) => {
    const { opened, closed } = countOf(prompt, open, close);
    return [
      ...(opened > 0 ? [`${where} opens ${counted(opened, open)} and does not close; each acts to the end.`] : []),
      ...(closed > 0 ? [`${where} closes ${counted(closed, close)} that it has not opened; read as words.`] : []),
    ];
  });
}

const counted = (count: number, sign: string): string => `${count === 1 ? 'a' : count} "${sign}"`;

function countOf(prompt: string, open: string, close: string): { opened: number; closed: number } {
  let [opened, closed] = [0, 0];
  for (let i = 0; i < prompt.length; i++) {
    const sign = prompt[i];
    if (sign === '\\') i++;
    else if (sign === open) opened++;
    else if (sign === close && opened > 0) opened--;
    // Of a face: :) is a word that people mean.
    else if (sign === close && !/[:;=]/.test(prompt[i - 1] ?? '')) closed++;
  }
  return { opened, closed };
}
