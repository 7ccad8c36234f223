/** The style sheet that UnoCSS makes of the classes in use. */
declare module 'virtual:uno.css';
declare module '*.css';
/** What the page must know of the API's operations; `tools/wire-rows.mjs` makes it of their rows. */
declare module 'virtual:wire-rows' {
  export const wireRows: import('#api/wire-row').WireRows;
}
/** The address of a shared worker, whose code Vite builds into a file of its own. */
declare module '*?sharedworker&url' {
  const address: string;
  export default address;
}
