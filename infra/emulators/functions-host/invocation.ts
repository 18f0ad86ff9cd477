import { randomBytes, randomUUID } from 'node:crypto';
import type {
  CoreContext,
  FunctionsCore,
  HookName,
  InvocationResponse,
  LogLevel,
  RegisteredFunction,
  TypedData,
} from './functions-core.ts';

/** The input of an invocation. */
export interface TriggerInput {
  readonly data: TypedData;
  readonly metadata: Readonly<Record<string, TypedData>>;
  /** Default: a new one. */
  readonly invocationId?: string;
}

export type HostLog = (line: {
  level: LogLevel;
  category: string;
  message: string;
  functionName?: string;
  invocationId?: string;
}) => void;

export type Invoke = (target: RegisteredFunction, input: TriggerInput) => Promise<InvocationResponse>;

/**
 * Creates the function that runs an invocation. It works in the order of Microsoft's worker: arguments, preInvocation hooks,
 * function, postInvocation hooks, response. It throws the error of the function.
 */
export function createInvoke(core: FunctionsCore, log: HostLog): Invoke {
  const appHookData = {};

  async function runHooks(name: HookName, context: Record<string, unknown>): Promise<void> {
    for (const hook of core.hooks[name]) await hook(context);
  }

  return async (target, { data, metadata, invocationId = randomUUID() }) => {
    const { name: functionName, callback } = target;
    const { trigger, metadata: functionMetadata } = described(target);
    let invocationContext: unknown = null;
    const coreContext: CoreContext = {
      invocationId,
      request: {
        invocationId,
        functionId: functionName,
        inputData: [{ name: trigger, data }],
        triggerMetadata: metadata,
        traceContext: traceContext(),
      },
      metadata: functionMetadata,
      log: (level, category, message) => {
        const line = { level, category, message };
        const hookContext = { hookData: {}, appHookData, invocationContext, ...line };
        for (const hook of core.hooks.log) hook(hookContext);
        // Hooks can change the log lines of the app only.
        const { level: shownLevel, message: shown } = category === 'user' ? hookContext : line;
        log({ level: shownLevel, category, message: shown, functionName, invocationId });
      },
    };
    const model = core.model().getInvocationModel(coreContext);
    const { context, inputs } = await model.getArguments();
    invocationContext = context;
    const shared = { hookData: {}, appHookData, invocationContext: context };

    coreContext.state = 'preInvocationHooks';
    const before = { ...shared, functionCallback: callback, inputs };
    await runHooks('preInvocation', before);

    coreContext.state = 'invocation';
    const after: Record<string, unknown> = { ...shared, inputs: before.inputs, result: null, error: null };
    try {
      after['result'] = await model.invokeFunction(context, before.inputs, before.functionCallback);
    } catch (error) {
      after['error'] = error;
    }

    coreContext.state = 'postInvocationHooks';
    await runHooks('postInvocation', after);
    if (after['error'] !== null && after['error'] !== undefined) throw after['error'];
    return model.getResponse(context, after['result']);
  };
}

/** Metadata of a function. The library gets it with each invocation. */
interface Description {
  /** Name of the binding that is the trigger. */
  readonly trigger: string | undefined;
  readonly metadata: { readonly name: string; readonly bindings: Readonly<Record<string, unknown>> };
}

const descriptions = new WeakMap<RegisteredFunction, Description>();

function described(target: RegisteredFunction): Description {
  const known = descriptions.get(target);
  if (known !== undefined) return known;
  const bindings = Object.entries(target.bindings);
  const [trigger] = bindings.find(([, { type }]) => type.endsWith('Trigger')) ?? [];
  const named = Object.fromEntries(bindings.map(([name, binding]) => [name, { ...binding, name }]));
  const made = { trigger, metadata: { name: target.name, bindings: named } };
  descriptions.set(target, made);
  return made;
}

/** A new W3C trace context, as the real host makes for a caller without one. */
function traceContext() {
  const hex = (bytes: number) => randomBytes(bytes).toString('hex');
  return { traceParent: `00-${hex(16)}-${hex(8)}-01`, traceState: '', attributes: {} };
}
