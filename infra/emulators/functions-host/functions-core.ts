import Module from 'node:module';

/*
 * `@azure/functions-core` is the only interface between `@azure/functions` and its host. It is not an npm package: the Node worker
 * of the Functions host answers `require('@azure/functions-core')`. This module does the same.
 */

/** A registered function. */
export interface RegisteredFunction {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: {
    readonly strategy?: string;
    readonly maxRetryCount?: number;
    readonly delayInterval?: Duration;
  };
  readonly callback: FunctionCallback;
}

export interface Binding {
  readonly type: string;
  readonly direction: 'in' | 'out' | 'inout';
  readonly name: string;
  readonly [option: string]: unknown;
}

interface Duration {
  readonly seconds?: number;
}

export type FunctionCallback = (...given: unknown[]) => unknown;
export type HookCallback = (context: Record<string, unknown>) => unknown;
export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';

/** The part of the library that runs an invocation. */
export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

export interface InvocationResponse {
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData }[];
  readonly returnValue?: TypedData;
}

/** A value that host and library exchange. */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: HttpData;
}

export interface HttpData {
  readonly url?: string;
  readonly method?: string;
  readonly nullableHeaders?: Record<string, { value: string }>;
  readonly nullableQuery?: Record<string, { value: string }>;
  readonly nullableParams?: Record<string, { value: string }>;
  readonly body?: TypedData;
  readonly statusCode?: string;
  readonly headers?: Record<string, string>;
}

interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getInvocationModel(coreContext: CoreContext): InvocationModel;
  /** `HttpUri` is the address of the worker's HTTP server, when the app has enabled HTTP streams. */
  getCapabilities(defaults: Record<string, string>): Promise<{ readonly HttpUri?: string }>;
}

export interface CoreContext {
  readonly invocationId: string;
  readonly request: unknown;
  readonly metadata: unknown;
  state?: 'preInvocationHooks' | 'postInvocationHooks' | 'invocation';
  log(level: LogLevel, category: string, message: string): void;
}

const hookNames = ['preInvocation', 'postInvocation', 'appStart', 'appTerminate', 'log'] as const;
export type HookName = (typeof hookNames)[number];

/** The registrations of the app. */
export interface FunctionsCore {
  readonly functions: ReadonlyMap<string, RegisteredFunction>;
  readonly hooks: Readonly<Record<HookName, readonly HookCallback[]>>;
  model(): ProgrammingModel;
  /** Closes the registration. A later one is an error, as in the worker. */
  lock(): void;
}

class Disposable {
  static from(...disposables: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const each of disposables) each.dispose();
    });
  }
  readonly #dispose: () => void;
  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }
  dispose(): void {
    this.#dispose();
  }
}

/** Provides the module to the whole process and collects the registrations. @param log gets the log lines of the library */
export function provideFunctionsCore(log: (level: LogLevel, category: string, message: string) => void): FunctionsCore {
  const functions = new Map<string, RegisteredFunction>();
  const hooks: Record<HookName, HookCallback[]> = {
    preInvocation: [],
    postInvocation: [],
    appStart: [],
    appTerminate: [],
    log: [],
  };
  let programmingModel: ProgrammingModel | undefined;
  let locked = false;

  const systemError = (message: string, Kind: ErrorConstructor | RangeErrorConstructor = Error) =>
    Object.assign(new Kind(message), { isAzureFunctionsSystemError: true });

  const core = {
    version: '3.12.0',
    hostVersion: '4.1040.300',
    Disposable,
    log,
    setProgrammingModel: (model: ProgrammingModel) => {
      programmingModel = model;
    },
    getProgrammingModel: () => programmingModel,
    registerFunction: (
      metadata: Omit<RegisteredFunction, 'callback'> & { functionId?: string },
      callback: FunctionCallback,
    ) => {
      if (locked) throw systemError('A function can only be registered during app startup.');
      const id = metadata.functionId ?? metadata.name;
      if (functions.has(id)) throw systemError(`A function with id "${id}" has already been registered.`);
      functions.set(id, { ...metadata, callback });
      return new Disposable(() => functions.delete(id));
    },
    registerHook: (name: string, callback: HookCallback) => {
      if (!isHookName(name)) throw systemError(`Unrecognized hook "${name}"`, RangeError);
      hooks[name].push(callback);
      return new Disposable(() => {
        hooks[name].splice(hooks[name].indexOf(callback), 1);
      });
    },
  };

  const { require: original } = Module.prototype;
  Module.prototype.require = function require(this: NodeJS.Module, id: string) {
    return id === '@azure/functions-core' ? core : original.call(this, id);
  } as NodeJS.Require;

  return {
    functions,
    hooks,
    lock: () => {
      locked = true;
    },
    model: () => {
      if (programmingModel === undefined) throw new Error('The app did not load @azure/functions.');
      return programmingModel;
    },
  };
}

function isHookName(name: string): name is HookName {
  return (hookNames as readonly string[]).includes(name);
}
