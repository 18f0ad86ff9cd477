import type { CloudEvent } from '../../lib/events/cloud-event.ts';

/*
 * What an adapter makes of an event, as docs/integrations.md shows it.
 */

interface Finished {
  readonly orderId: string;
  readonly jobId: string;
  readonly status: string;
  readonly revision: number;
  readonly finishedAt: string;
  readonly reference: Readonly<Record<string, string>>;
  readonly reasons: readonly { readonly code: string; readonly rows: number }[];
  readonly quantities: Readonly<Record<'ordered' | 'good' | 'rejected' | 'retryable', number>>;
  readonly links: Readonly<Record<string, string>>;
}

const dataOf = (event: CloudEvent) => event.data as unknown as Finished;

/** S/4HANA, API_PROD_ORDER_CONFIRMATION_2: a confirmation of one operation. */
export function sapConfirmation(event: CloudEvent) {
  const { orderId, reference, quantities, finishedAt, reasons, revision } = dataOf(event);
  return {
    OrderID: orderId.replace(/^PO-/, '').padStart(12, '0'),
    OrderOperation: reference['operation'],
    ConfirmationYieldQuantity: String(quantities.good),
    ConfirmationScrapQuantity: String(quantities.rejected),
    ConfirmationUnit: reference['unit'],
    PostingDate: `/Date(${Date.parse(finishedAt.slice(0, 10))})/`,
    IsFinalConfirmation: quantities.retryable === 0,
    ConfirmationText: `${reasonsText(reasons)} (revision ${revision})`,
  };
}

/** SAP by IDoc: the functional acknowledgement of the order, one segment of ALEAUD01. */
export function idocStatus(event: CloudEvent) {
  const { reason, orderId } = event.data as { reason?: { code: string; message: string }; orderId: string };
  const isAccepted = event.type === 'fleet.order.accepted';
  const text = isAccepted ? `Order ${orderId} accepted` : `${reason?.code}: ${reason?.message}`;
  return { E1STATE: { STATUS: isAccepted ? '16' : '17', STACOD: reason?.code ?? '', STATXT: text.slice(0, 70) } };
}

/** Dynamics 365 Supply Chain Management, integration with third-party manufacturing execution systems. */
export function dynamicsMessage(event: CloudEvent) {
  const { orderId, reference, quantities, finishedAt } = dataOf(event);
  const line = {
    ItemNumber: reference['orderItem'],
    ReportedGoodQuantity: quantities.good,
    ReportAsFinishedDate: finishedAt.slice(0, 10),
  };
  return {
    _companyId: reference['company'],
    _messageQueue: 'JmgMES3P',
    _messageType: 'ProdProductionOrderReportFinished',
    _messageContent: JSON.stringify({ ProductionOrderNumber: orderId, ReportFinishedLines: [line] }),
  };
}

/** A Teams channel, by a workflow "When a Teams webhook request is received". */
export function teamsMessage(event: CloudEvent) {
  const { orderId, quantities, reasons, links } = dataOf(event);
  const card = {
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      {
        type: 'TextBlock',
        weight: 'Bolder',
        text: `Order ${orderId}: ${quantities.good} of ${quantities.ordered} good`,
      },
      { type: 'TextBlock', wrap: true, text: reasonsText(reasons) },
    ],
    actions: [{ type: 'Action.OpenUrl', title: 'Errors', url: links['errors'] }],
  };
  return { type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: card }] };
}

function reasonsText(reasons: Finished['reasons']): string {
  return reasons.length === 0 ? 'No row was rejected' : reasons.map(({ code, rows }) => `${rows} × ${code}`).join(', ');
}
