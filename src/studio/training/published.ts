/** Names of what a run publishes in its folder. */

/** Weights to use, by canonical name. */
export const publishedWeights = 'weights.safetensors';

/** The trained model as one file. */
export const publishedModel = 'model.safetensors';
