/** The style sheet that UnoCSS makes of the classes in use. */
declare module 'virtual:uno.css';
declare module '*.css';
/** The address of a shared worker, whose code Vite builds into a file of its own. */
declare module '*?sharedworker&url' {
  const address: string;
  export default address;
}
