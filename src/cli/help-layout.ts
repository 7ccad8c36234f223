/** How help is laid out: names of flags on the left, what they do on the right, as wide as a terminal usually is. */

import { Help, type HelpConfiguration } from 'commander';

/** Columns that names may take; a longer one has its description on the next line. */
const widest = 32;

const usual = Help.prototype;

export const helpLayout: HelpConfiguration = {
  padWidth(command, helper) {
    return Math.min(widest, usual.padWidth.call(helper, command, helper));
  },
  formatItem(term, termWidth, description, helper) {
    const item = (name: string): string => usual.formatItem.call(helper, name, termWidth, description, helper);
    return helper.displayWidth(term) <= termWidth ? item(term) : `  ${term}\n${item('')}`;
  },
};
