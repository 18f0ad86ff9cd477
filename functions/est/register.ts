import { app } from '@azure/functions';
import { type AnswerEst, answerEst } from './answer.ts';
import { cacerts, csrattrs, enroll } from './handlers.ts';

/** The operations of RFC 7030 that this server has, by the last segment of their path. */
const operations: Readonly<Record<string, { readonly method: 'GET' | 'POST'; readonly handle: AnswerEst }>> = {
  cacerts: { method: 'GET', handle: cacerts },
  simpleenroll: { method: 'POST', handle: enroll },
  simplereenroll: { method: 'POST', handle: enroll },
  csrattrs: { method: 'GET', handle: csrattrs },
};

// Anonymous for the host, which knows keys only. The platform refuses every call without a client certificate, and each operation
// checks that certificate.
for (const [name, { method, handle }] of Object.entries(operations)) {
  app.http(name, {
    route: `.well-known/est/{label}/${name}`,
    methods: [method],
    authLevel: 'anonymous',
    handler: answerEst(name, handle),
  });
}
