/*
 * The entry point of the EST server: a second app of the same code, because a function app requires client certificates of all
 * its callers or of none. It has four routes, and no queue, timer or operation of the API.
 *
 * HTTP streams stay off. With them the library takes the headers of a request from binding data that a caller can replace
 * (http/forwarded-calls.ts), and here a header says who the caller is. Bodies are short, so nothing is lost.
 */
import { app } from '@azure/functions';
import { startUpCheck } from './start-up-check.ts';
// Each of these registers its functions or hooks with the host.
import './telemetry.ts';
import './est/register.ts';

// The settings only: this app has no rights to most of what the API depends on.
app.hook.appStart(() => void startUpCheck({ only: 'settings' }));
