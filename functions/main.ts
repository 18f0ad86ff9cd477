/*
 * The entry point. `main` of package.json names the bundle that is built from this file (infra/bundle-functions.ts).
 */
import { app } from '@azure/functions';
import { expectForwardedCalls } from './http/forwarded-calls.ts';
import { closeServices } from './services.ts';
import { startUpCheck } from './start-up-check.ts';
// Each of these registers its functions or hooks with the host.
import './telemetry.ts';
import './queues.ts';
import './timers.ts';
import './http/register.ts';

// Reports are sent while they are read (http/response-stream.ts), and request bodies are read as they come.
app.setup({ enableHttpStream: true });
app.hook.appStart(expectForwardedCalls);

// Keys of delegated CAs are dropped, and their records say so. The host has ended the invocations by then.
app.hook.appTerminate(closeServices);

// Not awaited: an instance takes its first message while the check still runs.
app.hook.appStart(() => void startUpCheck());
