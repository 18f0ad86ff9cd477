import about from './package.json' with { type: 'json' };

/** The version of this command line, which is that of the deployments that it was made for. */
export const { version } = about;
