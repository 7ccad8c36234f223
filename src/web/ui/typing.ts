/** Whether keys belong to what has the focus, and not to the view. */
export function isTyping(target: EventTarget | null): boolean {
  const own = 'input:not([type=range], [type=color], [type=checkbox]), textarea, select, [contenteditable]';
  return target instanceof HTMLElement && target.matches(own);
}
