/** Where Darkroom's own files say what they are. */

/** Key of the metadata in which a file that Darkroom trained has its model's family and configuration. */
export const embeddedConfigKey = 'darkroom.config';
