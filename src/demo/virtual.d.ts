/** The style sheet that UnoCSS makes of the classes in use. */
declare module 'virtual:uno.css';
declare module '*.css';
