import { constants } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';

/*
 * The front end of App Service, which ends the TLS connections of a function app.
 * https://learn.microsoft.com/azure/app-service/app-service-web-configure-tls-mutual-auth
 */

export interface FrontEndOptions {
  /** Serve HTTPS with this identity. Absent: HTTP. */
  readonly tls?: { readonly keyPem: string; readonly certPem: string } | undefined;
  /** `required`: as `clientCertMode: Required`. Needs `tls`. */
  readonly clientCertificates?: 'required' | undefined;
}

/**
 * Longest headers of a request in bytes. The real host takes 20 kB, and Node 16 KiB by default. This is the limit of Kestrel, its web
 * server: https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.maxrequestheaderstotalsize
 */
export const maxHeaderBytes = 32 * 1024;

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** The header by which the app gets the leaf that a caller presented, as base64 of DER. */
const certificateHeader = 'X-ARR-ClientCert';

/**
 * Creates the server of an app. What a caller sends as X-ARR-ClientCert never reaches the app. With client certificates
 * required, a caller without one gets 403, and the app gets the leaf of any other. As in App Service, that is all: chain, dates
 * and revocation are not checked, and the app gets an expired certificate too. TLS has proved that the caller has its key.
 */
export function createFrontEnd(listener: Listener, { tls, clientCertificates }: FrontEndOptions): Server | HttpsServer {
  if (tls === undefined) {
    if (clientCertificates !== undefined) throw new Error('Client certificates need TLS.');
    return createServer({ maxHeaderSize: maxHeaderBytes }, (request, response) => {
      setCertificateHeader(request, undefined);
      listener(request, response);
    });
  }
  const identity = {
    key: tls.keyPem,
    cert: tls.certPem,
    minVersion: 'TLSv1.2',
    maxHeaderSize: maxHeaderBytes,
  } as const;
  if (clientCertificates === undefined) {
    return createHttpsServer(identity, (request, response) => {
      setCertificateHeader(request, undefined);
      listener(request, response);
    });
  }
  // Without tickets every connection is a whole handshake, so every caller proves again that it has the key.
  const asking = { requestCert: true, rejectUnauthorized: false, secureOptions: constants.SSL_OP_NO_TICKET };
  return createHttpsServer({ ...identity, ...asking }, (request, response) => {
    // An HTTPS server has TLS sockets only. Without a certificate the object is empty.
    const { raw } = (request.socket as TLSSocket).getPeerCertificate(false) as { readonly raw?: Buffer };
    if (raw === undefined) {
      request.resume();
      response.writeHead(403).end();
      return;
    }
    setCertificateHeader(request, raw);
    listener(request, response);
  });
}

/** Removes what the caller sent under the name, in any case, and sets the header if there is a certificate. */
function setCertificateHeader(request: IncomingMessage, der: Buffer | undefined): void {
  const kept: string[] = [];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(index, index + 2);
    if (name.toLowerCase() !== certificateHeader.toLowerCase()) kept.push(name, value);
  }
  if (der !== undefined) kept.push(certificateHeader, der.toString('base64'));
  request.rawHeaders = kept;
}
