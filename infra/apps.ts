/** A function app that is made of this code. */
export interface App {
  /** The source file that registers its functions, from the root of the project. */
  readonly entryPoint: string;
  /** Settings of its host, from the root of the project. */
  readonly hostJson: string;
  /** Folder of the app for the local host. */
  readonly directory: string;
  /** Folder of the app that is deployed. */
  readonly packageDirectory: string;
  /** It serves the console. */
  readonly hasConsole: boolean;
}

/** Both apps. They are two because a function app requires client certificates of all its callers or of none. */
export const apps = {
  api: {
    entryPoint: 'functions/main.ts',
    hostJson: 'host.json',
    directory: '.',
    packageDirectory: 'dist/package',
    hasConsole: true,
  },
  est: {
    entryPoint: 'functions/est.ts',
    hostJson: 'functions/est/host.json',
    directory: 'dist/est',
    packageDirectory: 'dist/package-est',
    hasConsole: false,
  },
} as const satisfies Readonly<Record<string, App>>;

export type AppName = keyof typeof apps;
