// Written by infra/tools/openapi.ts from docs/openapi.json; change it there.

export interface paths {
    "/enrollment-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All enrollment groups, by id */
        get: operations["list-enrollment-groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/enrollment-groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One enrollment group */
        get: operations["get-enrollment-group"];
        /**
         * Declare an enrollment group
         * @description Creates the group or changes it, makes its issuing CA, and brings DPS up to date (docs/groups.md). Without adopt, a group that DPS has and that this deployment did not create is refused.
         */
        put: operations["put-enrollment-group"];
        post?: never;
        /**
         * Delete an enrollment group without devices
         * @description Deletes it here and in DPS. This takes some 11 seconds: no worker may use the group any more. Repeat a request that was cut short.
         */
        delete: operations["delete-enrollment-group"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/enrollment-groups/{id}/rollover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What stands in the way of removing the older CA
         * @description Counts the devices of the group as their records are now. For a million devices this takes about a minute.
         */
        get: operations["get-group-rollover"];
        put?: never;
        /**
         * Make a new issuing CA the current one
         * @description Starts a rollover: DPS keeps the previous CA, so its devices can still register, until the rollover is completed (docs/rollover.md).
         */
        post: operations["roll-over-enrollment-group"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/enrollment-groups/{id}/allocation-key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a group another key for its webhook
         * @description With `allocation` "orchestrator": makes a key and gives it to DPS. The key before is good until DPS has the new one, and for an hour more, so no registration fails. While DPS does not have the newest key, no other one is made (docs/allocation.md).
         */
        post: operations["rotate-allocation-key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/enrollment-groups/{id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Suspend a group and its devices
         * @description Disables the group in DPS at once. An act suspends its devices: follow it at GET /api/device-acts.
         */
        post: operations["suspend-enrollment-group"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/enrollment-groups/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a suspended group and its devices
         * @description Devices that were suspended by themselves stay suspended.
         */
        post: operations["restore-enrollment-group"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/enrollment-groups/{id}/rollover/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remove the older CA of a group from DPS
         * @description Refused while devices need it (GET of the rollover). The EST server trusts its certificates until they end. This takes some 11 seconds: no worker may issue by it any more. Repeat a request that was cut short.
         */
        post: operations["complete-group-rollover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check a manifest, and spend nothing
         * @description Takes what `POST /api/jobs` takes, and answers what a job would make of it (docs/check.md). A list of at most 2,000 rows and 1 MiB is answered at once and not stored. A larger one becomes a dry run: a job that ends as `checked`.
         */
        post: operations["create-check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Jobs, newest first */
        get: operations["list-jobs"];
        put?: never;
        /**
         * Submit a manifest
         * @description Stores the list and answers at once. Ask for the job to see what becomes of its rows.
         */
        post: operations["submit-job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{jobId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One job: status, counts, rate */
        get: operations["get-job"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{jobId}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a job
         * @description Chunks that have not begun are dropped. Rows that are provisioned stay so.
         */
        post: operations["cancel-job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{jobId}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retry the failed rows of a job
         * @description Rejected rows are not retried: only their sender can correct them.
         */
        post: operations["retry-job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get an address to upload a manifest to
         * @description For a list that is too long for `POST /api/jobs`: it goes straight to blob storage, and the caller needs no role there. The address is good for 15 minutes. The job begins when the upload has ended.
         */
        post: operations["create-upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/uploads/{uploadId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What became of an upload: its job */
        get: operations["get-upload"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{jobId}/errors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rejected and failed rows
         * @description As CSV: the rows as they were sent, with line, code and message. Fix them and submit the file again. As JSON: in pages. A page can have fewer rows than its limit, and more can follow it.
         */
        get: operations["get-job-errors"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{jobId}/errors/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rejected and failed rows, counted by code */
        get: operations["get-job-error-summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/jobs/{jobId}/results": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Provisioned devices of a job */
        get: operations["get-job-results"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Devices, by id */
        get: operations["list-devices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{deviceId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One device */
        get: operations["get-device"];
        put?: never;
        post?: never;
        /**
         * Delete or scrap a device
         * @description A device that never reached a hub is deleted: its enrollment and its bundle are removed, its certificate is revoked, and its id is free. Any other is scrapped: revoked, and removed from its hub, from the registrations of DPS and from its archive. Its block in DPS stays, and its id is free when its last certificate has ended. Repeat a request that was cut short.
         */
        delete: operations["delete-device"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{deviceId}/bundle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The bundle of a device
         * @description The files that the device installs. It can hold a private key, so the download is in the audit trail and in the history of the device.
         */
        get: operations["get-device-bundle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{deviceId}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Suspend a device
         * @description Ends its access until it is restored: reissue, bundle and renewal, then registration with DPS, then its identity at the hub. The doors are read back, and again after a minute. Repeat a request that was cut short.
         */
        post: operations["suspend-device"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{deviceId}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revoke a device for good
         * @description As suspend, and cannot be undone: the device needs a new id. Its status is `revoked` only when every door is closed.
         */
        post: operations["revoke-device"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{deviceId}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a suspended device
         * @description Opens the doors in reverse: its identity at the hub, DPS, then the record.
         */
        post: operations["restore-device"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Which devices hold a certificate of a CA
         * @description Certificates that were valid at a time and not revoked by then, with their devices: for a report on an incident. A certificate whose CA or key is not recorded (issued by an earlier version) is included.
         */
        get: operations["list-certificates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificate-authorities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Delegated CAs: which worker has or had which */
        get: operations["list-certificate-authorities"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificate-authorities/{serial}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One delegated CA */
        get: operations["get-certificate-authority"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificate-authorities/{serial}/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Devices that work with a certificate of a delegated CA
         * @description By id. The devices of the group are read one by one, which takes about a minute for a million devices. A device that was issued again since is not on the list.
         */
        get: operations["list-certificate-authority-devices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificate-authorities/{serial}/reissue-list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The rows of devices that have to be issued again when a delegated CA is blocked
         * @description Devices in use that work with a certificate of it, as a manifest (NDJSON): id, group, tags and desired properties of their latest rows. Submit it to `POST /api/jobs` with onConflict=reissue. In a group with keyCustody "device", `csr` is empty: fill it in first.
         */
        get: operations["get-certificate-authority-reissue-list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/certificate-authorities/{serial}/block": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Block a delegated CA for good
         * @description Nothing that it signed is handed out any more. DPS gets a disabled enrollment group on it, so devices with its certificates can no longer register; the EST server refuses them, too. Devices that are connected stay so until they register again. The answer begins the list of them. Repeat a request that was cut short.
         */
        post: operations["block-certificate-authority"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/device-acts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Acts on many devices, the latest first */
        get: operations["list-device-acts"];
        put?: never;
        /**
         * Suspend, revoke, restore or scrap many devices
         * @description Counts the devices and says how long it takes; then the queue works on them. With dryRun it only counts. The registry of the hub is the limit of most acts (HUB_REGISTRY_OPERATIONS_PER_MINUTE).
         */
        post: operations["begin-device-act"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/device-acts/{actId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One act on many devices: status and counts */
        get: operations["get-device-act"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/device-acts/{actId}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop an act on many devices
         * @description Devices that it has worked on stay as they are.
         */
        post: operations["cancel-device-act"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/renewals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Renewals by group and day
         * @description Devices by the day on which they renew, and what became of it. An instance reads the counts again after a minute at the earliest and 15 minutes at the latest.
         */
        get: operations["get-renewals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/renewals/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The rows of devices that have to be issued again
         * @description Devices in use that do not renew by themselves and whose certificate ends before a time, as a manifest (NDJSON): id, group, tags and desired properties of their latest rows. Submit it to `POST /api/jobs` with onConflict=reissue. At most 100,000 rows. In a group with keyCustody "device", `csr` is empty: fill it in first.
         */
        get: operations["get-reissue-list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/findings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What was seen in Azure that the records do not say */
        get: operations["list-findings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/findings/{findingId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One finding, in any state */
        get: operations["get-finding"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/findings/{findingId}/repair": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make Azure what the records say
         * @description Only for findings whose `repair` is `self` or `asked`. The record is read again, and nothing is done that it does not ask for by now. A repair can be repeated. The next sweep says whether the finding is gone.
         */
        post: operations["repair-finding"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/findings/{findingId}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep a finding quiet until it changes
         * @description A finding that the sweep repairs cannot be accepted: change what the records say.
         */
        post: operations["accept-finding"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who did what, when and why
         * @description Entries of the audit trail, the newest first; those of the last minute are not in the log yet. A page reads 16,384 entries at most, so it can be empty and have a next one. `fleet audit verify` shows that nothing was changed (docs/audit.md).
         */
        get: operations["list-audit-entries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Messages that could not be processed */
        get: operations["list-dead-letters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dead-letters/{letterId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One dead letter, in any state */
        get: operations["get-dead-letter"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dead-letters/redrive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Process dead letters again
         * @description The failed rows of a chunk are retried with their job. Any other message goes back to its queue.
         */
        post: operations["redrive-dead-letters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dead-letters/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Discard dead letters
         * @description Takes letters off the list whose work is not wanted any more. Each keeps who did it and when, and can be read for as long as DEAD_LETTER_RETENTION_DAYS says.
         */
        post: operations["discard-dead-letters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All webhooks */
        get: operations["list-webhooks"];
        put?: never;
        /**
         * Have events posted to an address
         * @description Signed as in Standard Webhooks. There are 20 webhooks at most.
         */
        post: operations["create-webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhookId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One webhook */
        get: operations["get-webhook"];
        put?: never;
        post?: never;
        /** Delete a webhook and its secrets */
        delete: operations["delete-webhook"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhookId}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a webhook another secret
         * @description For 24 hours, each message is signed with both secrets.
         */
        post: operations["rotate-webhook-secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhookId}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send to a webhook again that was disabled
         * @description Events from the time between are not sent. `GET …/deliveries` lists what failed before.
         */
        post: operations["enable-webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhookId}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a test event to a webhook
         * @description A `fleet.webhook.test`, delivered as every other event.
         */
        post: operations["test-webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/{webhookId}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What was sent to a webhook, and why it failed
         * @description Kept for 30 days. `event-grid` in the place of an id lists what was sent to the Event Grid topic.
         */
        get: operations["list-event-deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The state of the deployment at a glance
         * @description Counts, each with the time at which it was read. An instance reads a count again after 5 seconds at the earliest and 15 minutes at the latest. In between, the time follows from the cost of the last reading, at 20 request units per second.
         */
        get: operations["get-summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Try every dependency */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * This description
         * @description OpenAPI 3.1, as docs/openapi.json in the repository.
         */
        get: operations["get-openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller, and what this deployment allows */
        get: operations["get-me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    "fleet.job.ended": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A job ended, whatever it came from. After a retry it ends again, with the next revision. */
        post: operations["fleet.job.ended"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.job.stalled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** No row of a job was counted for 30 minutes. It may wait behind other jobs. */
        post: operations["fleet.job.stalled"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.order.accepted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** An order is stored, and its devices will be provisioned. */
        post: operations["fleet.order.accepted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.order.refused": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** An order could not be read, or its id was used with other content. Nothing was begun. */
        post: operations["fleet.order.refused"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.order.finished": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** All devices of an order are done. After a retry it is sent again, with the next revision. */
        post: operations["fleet.order.finished"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.device.assigned": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** DPS assigned a device to a hub. Off unless the setting ASSIGNED_EVENTS is true. */
        post: operations["fleet.device.assigned"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.device.suspended": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Every door of a suspended device was read back as closed. */
        post: operations["fleet.device.suspended"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.device.revoked": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Every door of a revoked device was read back as closed. */
        post: operations["fleet.device.revoked"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.device.scrapped": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A device is scrapped, and what it left behind is removed. */
        post: operations["fleet.device.scrapped"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.device.restored": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The doors of a suspended device are open again. */
        post: operations["fleet.device.restored"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.device.late": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A device did not renew its identity, and two retries have failed. Once per certificate and time from which it is late. */
        post: operations["fleet.device.late"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.ca.ending": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A CA certificate ends in 60, 30, 7 days or 1 day, or has ended. One event for each of these. */
        post: operations["fleet.ca.ending"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.finding.opened": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A sweep found a difference between Azure and the records. */
        post: operations["fleet.finding.opened"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "fleet.webhook.test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** An operator tests a webhook. */
        post: operations["fleet.webhook.test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        GroupDefinition: {
            /** @description A note for people. */
            description?: string;
            /**
             * @description One DPS enrollment group for all devices (1 call), or one individual enrollment per device (10 per call).
             * @default group
             * @enum {string}
             */
            enrollment?: "group" | "individual";
            /**
             * @description Where the private key is: on the device (it sends a CSR), in a bundle encrypted to `recipients`, or in a plain bundle.
             * @enum {string}
             */
            keyCustody: "device" | "sealed" | "plain";
            /** @description The DPS instance that the group is in, by its name in DPS_INSTANCES. Its ID scope goes into the bundles, so it cannot be changed afterwards. Default: the instance of DPS_ID_SCOPE. */
            dps?: string;
            /**
             * @description Device ids in upper case are refused, or lower-cased; the device record keeps the id as written.
             * @default refuse
             * @enum {string}
             */
            deviceIdCase?: "refuse" | "fold";
            /**
             * @description Type of the key of a device identity that this app makes. Requests of devices (`keyCustody` "device", EST) may have a P-256 or an RSA-2048 key in every group.
             * @default ec-p256
             * @enum {string}
             */
            keyType?: "ec-p256" | "rsa-2048";
            /**
             * @description Subject alternative name of a device identity, for verifiers that want one: none; "uri", `urn:fleet:<group>:<device id>`; or "dns", the device id, which then has to be a host name. The common name is the device id in each case. Default: "none".
             * @enum {string}
             */
            subjectAltName?: "none" | "dns" | "uri";
            /**
             * @description Life of a device identity in days. It never outlives its issuing CA.
             * @default 365
             */
            validityDays?: number;
            /** @description Days over which the ends of identities are spread, so that they are not all renewed at once: 0 to half of `validityDays`. Default: from the size of the group, at most a tenth of `validityDays`. */
            validityJitterDays?: number;
            /**
             * @description Days in which a bundle is installed. At a rollover, the older CA stays for that long.
             * @default 90
             */
            bundleShelfLifeDays?: number;
            /**
             * @description The intermediate CA of the group. A change takes effect at the next rollover.
             * @default {}
             */
            issuingCa?: {
                /**
                 * @description Signed by our root at its first use, or signed elsewhere and imported (fleet ca csr, import).
                 * @default fleet
                 * @enum {string}
                 */
                origin?: "fleet" | "outside";
                /**
                 * @description Type of the key of the CA.
                 * @default ec-p256
                 * @enum {string}
                 */
                keyType?: "ec-p256" | "ec-p384" | "rsa-4096";
                /**
                 * @description Life of the CA in days. It never outlives its root.
                 * @default 1825
                 */
                validityDays?: number;
            };
            /**
             * @description Who signs identities: a CA below the issuing CA that a worker has in memory for an hour at most, or the issuing CA itself. Default: "delegated" where CA keys are in a Key Vault and enrollment is "group", else "direct".
             * @enum {string}
             */
            issuance?: "delegated" | "direct";
            /**
             * @description How DPS has the CA of the group: in the enrollment group, or as a verified CA by name (fleet ca register).
             * @default signingCertificate
             * @enum {string}
             */
            attestation?: "signingCertificate" | "caReference";
            /**
             * @description The device software that a bundle installs on.
             * @default iotedge-1.6
             * @enum {string}
             */
            target?: "iotedge-1.6" | "iotedge-1.5" | "iotedge-1.4" | "iotedge-1.2" | "iotedge-1.1" | "dps-device";
            /**
             * @description PEM certificates that sealed bundles are encrypted to (CMS EnvelopedData).
             * @default []
             */
            recipients?: string[];
            /**
             * @description IoT Edge `auto_reprovisioning_mode`.
             * @default Dynamic
             * @enum {string}
             */
            autoReprovisioningMode?: "Dynamic" | "AlwaysOnStartup" | "OnErrorOnly";
            /**
             * @description The CA of a gateway for its modules: made by its daemon, issued by us into the bundle, or issued by `est`.
             * @default daemon
             * @enum {string}
             */
            edgeCa?: "daemon" | "issued" | "est";
            /** @description EST server (RFC 7030) that issues certificates to gateways. Their first credential is the identity of the bundle. "fleet" is short for `{ "url": "fleet", "identity": true }`. */
            est?: "fleet" | {
                /** @description "fleet": the EST server of this deployment. Or the base URL of another one, such as https://est.example.com/.well-known/est */
                url: "fleet" | string;
                /**
                 * @description Gateways get and renew their identity there too. They start with the identity of the bundle.
                 * @default false
                 */
                identity?: boolean;
                /**
                 * @description When an identity is renewed: at this share of its life, or with this time left.
                 * @default 80%
                 */
                threshold?: string;
                /**
                 * @description The time from a failed renewal of an identity to the next attempt.
                 * @default 4%
                 */
                retry?: string;
                /**
                 * @description When an Edge CA is renewed, which restarts all modules. Keep it apart from `threshold`.
                 * @default 75%
                 */
                edgeCaThreshold?: string;
                /**
                 * @description The time from a failed renewal of an Edge CA to the next attempt.
                 * @default 4%
                 */
                edgeCaRetry?: string;
                /**
                 * @description How many days after its end a certificate can still be renewed. Only with url "fleet".
                 * @default 0
                 */
                renewExpiredWithinDays?: number;
                /**
                 * @description The CA of the certificates with which gateways sign in to the EST server (`est-id`): the issuing CA, or one that DPS does not know. Only with url "fleet".
                 * @default issuing
                 * @enum {string}
                 */
                idCa?: "issuing" | "separate";
                /** @description PEM certificate of the CA that issued its TLS certificate. Default: our root. */
                trustedCa?: string;
            };
            /** @description Where the device keeps its key. Only with keyCustody "device". */
            keyUri?: string;
            /** @description The PKCS#11 library, and the slot for new keys. Only with a pkcs11: `keyUri` on IoT Edge. */
            pkcs11?: {
                /** @description Path of the PKCS#11 library on the device. */
                libraryPath: string;
                /** @description The slot for new keys, as a pkcs11: URI. */
                baseSlot?: string;
            };
            /**
             * @description PEM certificates of more CAs that modules trust, besides the CA of their gateway.
             * @default []
             */
            trustBundle?: string[];
            /** @description Image of the Edge Agent. Default: the image at mcr.microsoft.com for the target. */
            agentImage?: string;
            /** @description URL on the label of a device (IEC 61406-1), with `{deviceId}`. `fleet job fetch` writes it into labels.csv. */
            labelUrl?: string;
            /**
             * @description The twin that DPS gives each device of the group at its first assignment.
             * @default {}
             */
            initialTwin?: {
                /**
                 * @description Tags. Those of a row are added, and win.
                 * @default {}
                 */
                tags?: {
                    [key: string]: unknown;
                };
                /**
                 * @description Desired properties. Those of a row are added, and win.
                 * @default {}
                 */
                desired?: {
                    [key: string]: unknown;
                };
            };
            /**
             * @description Whether DPS lets devices of the group register.
             * @default enabled
             * @enum {string}
             */
            provisioningStatus?: "enabled" | "disabled";
            /**
             * @description How DPS chooses the hub of a device: evenly, by latency, always the same hub, or by your webhook.
             * @default hashed
             * @enum {string}
             */
            allocationPolicy?: "hashed" | "geoLatency" | "static" | "custom";
            /**
             * @description Who decides about a registration: DPS alone, or this app, which then is in the path of each registration and can refuse a single certificate.
             * @default dps
             * @enum {string}
             */
            allocation?: "dps" | "orchestrator";
            /**
             * @description Host names of linked hubs. Empty: all linked hubs.
             * @default []
             */
            iotHubs?: string[];
            /** @description The webhook that chooses the hub. Only with allocationPolicy "custom". */
            customAllocation?: {
                /**
                 * Format: uri
                 * @description URL that DPS calls to choose the hub of a device.
                 */
                webhookUrl: string;
                /**
                 * @description Version of the request that DPS sends.
                 * @default 2021-10-01
                 */
                apiVersion?: string;
            };
            /**
             * @description What DPS does when a device registers again.
             * @default {}
             */
            reprovisionPolicy?: {
                /**
                 * @description A device that registers again may be assigned to another hub.
                 * @default true
                 */
                updateHubAssignment?: boolean;
                /**
                 * @description Its twin moves to the other hub with it.
                 * @default true
                 */
                migrateDeviceData?: boolean;
            };
        };
        Reason: {
            reason: string;
        };
        RolloverCompletion: {
            /** @description Remove the CA although devices need it. They cannot register until they are issued again. */
            force?: {
                /** @description How many devices the gate counts now. Another number is refused. */
                devicesLockedOut: number;
            };
        };
        FleetActRequest: {
            /** @enum {string} */
            act: "suspend" | "revoke" | "restore" | "scrap";
            /** @description Devices that match every member. */
            filter: {
                group?: string;
                job?: string;
                /** @description Devices whose row has this tag, at a path with dots, with this value as text. */
                tag?: {
                    path: string;
                    value: string;
                };
                deviceIds?: string[];
            };
            reason: string;
            dryRun?: boolean;
            /** @description `devices` of the estimate that was confirmed. The act is refused when it would change another number. */
            expectedDevices?: number;
            devicesPerMinute?: number;
        };
        WantedWebhook: {
            /** @description An absolute https URL, on the internet. Its query is not shown again. */
            url: string;
            /** @description Absent: all but `fleet.device.assigned`, which comes once per device. */
            types?: components["schemas"]["EventType"][];
            /** @description For people: what is behind the address. */
            description?: string;
        };
        /**
         * @description See docs/integrations.md.
         * @enum {string}
         */
        EventType: "fleet.job.ended" | "fleet.job.stalled" | "fleet.order.accepted" | "fleet.order.refused" | "fleet.order.finished" | "fleet.device.assigned" | "fleet.device.suspended" | "fleet.device.revoked" | "fleet.device.scrapped" | "fleet.device.restored" | "fleet.device.late" | "fleet.ca.ending" | "fleet.finding.opened" | "fleet.webhook.test";
        /** @description A job ended, whatever it came from. After a retry it ends again, with the next revision. */
        "Event-fleet.job.ended": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.job.ended";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                jobId: string;
                /** @enum {string} */
                source: "blob" | "order" | "http";
                name: string;
                /** @constant */
                dryRun?: true;
                /** @description The `reference` of the order, as it came. */
                readonly reference?: {
                    [key: string]: unknown;
                };
                /** @enum {string} */
                status: "received" | "splitting" | "provisioning" | "completed" | "completedWithErrors" | "failed" | "cancelled" | "checking" | "checked";
                /** @description 1, and one more for each further end, after a retry. */
                revision: number;
                /** @description Why it failed as a whole. */
                reason?: components["schemas"]["FailureReason"];
                /** @description Rejected and failed rows by code, most frequent first. */
                reasons: {
                    code: components["schemas"]["ErrorCode"];
                    rows: number;
                }[];
                /**
                 * @description Only the first codes, or not all reports were read.
                 * @constant
                 */
                reasonsComplete?: false;
                receivedAt: components["schemas"]["Time"];
                startedAt?: components["schemas"]["Time"];
                finishedAt: components["schemas"]["Time"];
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    job: string;
                    /** @description A URL; a path when the app does not know its address. */
                    results: string;
                    /** @description A URL; a path when the app does not know its address. */
                    errors: string;
                    /** @description A URL; a path when the app does not know its address. */
                    devices: string;
                };
                /** @description Rows by outcome. */
                counts: {
                    total: number;
                    provisioned: number;
                    unchanged: number;
                    rejected: number;
                    failed: number;
                    cancelled: number;
                    checked?: number;
                };
            };
        };
        /**
         * Format: date-time
         * @description ISO 8601, UTC.
         */
        Time: string;
        FailureReason: {
            code: components["schemas"]["ErrorCode"];
            message: string;
            /** @description What to do next. */
            hint: string;
        };
        /**
         * @description See docs/errors.md.
         * @enum {string}
         */
        ErrorCode: "manifest-empty" | "manifest-not-text" | "manifest-encoding" | "manifest-header" | "manifest-quote" | "manifest-row-too-long" | "manifest-format" | "manifest-workbook" | "manifest-metadata" | "manifest-too-large" | "manifest-gone" | "check-changed" | "report-missing" | "row-syntax" | "row-columns" | "device-id-invalid" | "device-id-duplicate" | "device-exists" | "device-busy" | "device-suspended" | "device-revoked" | "group-missing" | "group-unknown" | "twin-invalid" | "value-type" | "csr-missing" | "csr-unexpected" | "csr-invalid" | "certificate-rule" | "chunk-superseded" | "enrollment-refused" | "enrollment-exists" | "gave-up" | "renewal-refused" | "renewal-too-often" | "group-invalid" | "ca-invalid" | "ca-refused" | "ca-missing" | "ca-removed" | "ca-unregistered" | "ca-key-unusable" | "group-refused" | "group-exists" | "order-invalid" | "order-conflict" | "event-invalid" | "message-invalid" | "request-invalid" | "idempotency-key-reused" | "request-too-large" | "not-found" | "method-conflict" | "rollover-gated" | "precondition-failed" | "bundle-unavailable" | "bundle-gone" | "bundle-invalid" | "archive-damaged" | "audit-damaged" | "unauthorized" | "forbidden" | "other-site" | "setting-invalid" | "custody-not-allowed" | "throttled" | "unavailable" | "concurrent-change" | "internal";
        /** @description No row of a job was counted for 30 minutes. It may wait behind other jobs. */
        "Event-fleet.job.stalled": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.job.stalled";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                jobId: string;
                /** @enum {string} */
                status: "received" | "splitting" | "provisioning" | "completed" | "completedWithErrors" | "failed" | "cancelled" | "checking" | "checked";
                /** @enum {string} */
                source: "blob" | "order" | "http";
                name: string;
                /** @description The `reference` of the order, as it came. */
                readonly reference?: {
                    [key: string]: unknown;
                };
                /** @description Rows by outcome. */
                counts: {
                    total: number;
                    provisioned: number;
                    unchanged: number;
                    rejected: number;
                    failed: number;
                    cancelled: number;
                    checked?: number;
                };
                /** @description Rows that are not counted. */
                waiting: number;
                /** @description When something was counted last. */
                since: components["schemas"]["Time"];
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    job: string;
                    /** @description A URL; a path when the app does not know its address. */
                    results: string;
                    /** @description A URL; a path when the app does not know its address. */
                    errors: string;
                    /** @description A URL; a path when the app does not know its address. */
                    devices: string;
                };
            };
        };
        /** @description An order is stored, and its devices will be provisioned. */
        "Event-fleet.order.accepted": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.order.accepted";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                orderId: string;
                jobId: string;
                /** @description The `reference` of the order, as it came. */
                readonly reference?: {
                    [key: string]: unknown;
                };
                enrollmentGroup?: string;
                receivedAt: components["schemas"]["Time"];
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    job: string;
                    /** @description A URL; a path when the app does not know its address. */
                    results: string;
                    /** @description A URL; a path when the app does not know its address. */
                    errors: string;
                    /** @description A URL; a path when the app does not know its address. */
                    devices: string;
                };
            };
        };
        /** @description An order could not be read, or its id was used with other content. Nothing was begun. */
        "Event-fleet.order.refused": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.order.refused";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                orderId?: string;
                jobId?: string;
                /** @description The `reference` of the order, as it came. */
                readonly reference?: {
                    [key: string]: unknown;
                };
                receivedAt: components["schemas"]["Time"];
                enrollmentGroup?: string;
                reason: components["schemas"]["FailureReason"];
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    job: string;
                    /** @description A URL; a path when the app does not know its address. */
                    results: string;
                    /** @description A URL; a path when the app does not know its address. */
                    errors: string;
                    /** @description A URL; a path when the app does not know its address. */
                    devices: string;
                } | {
                    /** @description A URL; a path when the app does not know its address. */
                    deadLetter: string;
                };
            };
        };
        /** @description All devices of an order are done. After a retry it is sent again, with the next revision. */
        "Event-fleet.order.finished": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.order.finished";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                orderId: string;
                jobId: string;
                /** @description The `reference` of the order, as it came. */
                readonly reference?: {
                    [key: string]: unknown;
                };
                /** @enum {string} */
                status: "received" | "splitting" | "provisioning" | "completed" | "completedWithErrors" | "failed" | "cancelled" | "checking" | "checked";
                /** @description 1, and one more for each further end, after a retry. */
                revision: number;
                /** @description Why it failed as a whole. */
                reason?: components["schemas"]["FailureReason"];
                /** @description Rejected and failed rows by code, most frequent first. */
                reasons: {
                    code: components["schemas"]["ErrorCode"];
                    rows: number;
                }[];
                /**
                 * @description Only the first codes, or not all reports were read.
                 * @constant
                 */
                reasonsComplete?: false;
                receivedAt: components["schemas"]["Time"];
                startedAt?: components["schemas"]["Time"];
                finishedAt: components["schemas"]["Time"];
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    job: string;
                    /** @description A URL; a path when the app does not know its address. */
                    results: string;
                    /** @description A URL; a path when the app does not know its address. */
                    errors: string;
                    /** @description A URL; a path when the app does not know its address. */
                    devices: string;
                };
                quantities: {
                    ordered: number;
                    /** @description Provisioned, or unchanged since an earlier order. */
                    good: number;
                    rejected: number;
                    cancelled: number;
                    /** @description Of `rejected`: a retry can still turn these good. It sends the next revision. */
                    retryable: number;
                };
            };
        };
        /** @description DPS assigned a device to a hub. Off unless the setting ASSIGNED_EVENTS is true. */
        "Event-fleet.device.assigned": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.device.assigned";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                deviceId: string;
                enrollmentGroup: string;
                /** @description Of the certificate, hex. */
                serialNumber: string;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    device: string;
                };
                jobId: string;
                hub?: string;
                registeredAt?: components["schemas"]["Time"];
            };
        };
        /** @description Every door of a suspended device was read back as closed. */
        "Event-fleet.device.suspended": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.device.suspended";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                deviceId: string;
                enrollmentGroup: string;
                /** @description Of the certificate, hex. */
                serialNumber: string;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    device: string;
                };
                by: string;
                reason: string;
                askedAt: components["schemas"]["Time"];
                closedAt: components["schemas"]["Time"];
            };
        };
        /** @description Every door of a revoked device was read back as closed. */
        "Event-fleet.device.revoked": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.device.revoked";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                deviceId: string;
                enrollmentGroup: string;
                /** @description Of the certificate, hex. */
                serialNumber: string;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    device: string;
                };
                by: string;
                reason: string;
                askedAt: components["schemas"]["Time"];
                closedAt: components["schemas"]["Time"];
            };
        };
        /** @description A device is scrapped, and what it left behind is removed. */
        "Event-fleet.device.scrapped": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.device.scrapped";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                deviceId: string;
                enrollmentGroup: string;
                /** @description Of the certificate, hex. */
                serialNumber: string;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    device: string;
                };
                by: string;
                reason: string;
                askedAt: components["schemas"]["Time"];
                closedAt: components["schemas"]["Time"];
            };
        };
        /** @description The doors of a suspended device are open again. */
        "Event-fleet.device.restored": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.device.restored";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                deviceId: string;
                enrollmentGroup: string;
                /** @description Of the certificate, hex. */
                serialNumber: string;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    device: string;
                };
                by: string;
                reason: string;
                askedAt: components["schemas"]["Time"];
            };
        };
        /** @description A device did not renew its identity, and two retries have failed. Once per certificate and time from which it is late. */
        "Event-fleet.device.late": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.device.late";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                deviceId: string;
                enrollmentGroup: string;
                /** @description Of the certificate, hex. */
                serialNumber: string;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    device: string;
                    /** @description A URL; a path when the app does not know its address. */
                    finding: string;
                };
                /** @description When the certificate ends. */
                notAfter?: components["schemas"]["Time"];
                /** @description The device got this certificate, and no registration with it was seen since. */
                unconfirmedSince?: components["schemas"]["Time"];
                /** @description When two retries had failed. */
                lateSince: components["schemas"]["Time"];
            };
        };
        /** @description A CA certificate ends in 60, 30, 7 days or 1 day, or has ended. One event for each of these. */
        "Event-fleet.ca.ending": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.ca.ending";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                enrollmentGroup: string;
                /** @enum {string} */
                certificate: "issuing CA" | "chain";
                notAfter: components["schemas"]["Time"];
                /** @description Whole days left; negative once it has expired. */
                days: number;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    group: string;
                };
            };
        };
        /** @description A sweep found a difference between Azure and the records. */
        "Event-fleet.finding.opened": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.finding.opened";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                findingId: string;
                kind: string;
                /** @enum {string} */
                severity: "critical" | "high" | "medium" | "low";
                about: {
                    /** @enum {string} */
                    type: "device" | "group" | "ca" | "archive";
                    id: string;
                    enrollmentGroup?: string;
                };
                readonly expected: {
                    [key: string]: unknown;
                };
                readonly seen: {
                    [key: string]: unknown;
                };
                firstSeen: components["schemas"]["Time"];
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    finding: string;
                };
            };
        };
        /** @description An operator tests a webhook. */
        "Event-fleet.webhook.test": {
            /** @constant */
            specversion: "1.0";
            /** @description Follows from the fact: an event that is sent again has the same one. */
            id: string;
            /** @description The address of this deployment. */
            source: string;
            /** @constant */
            type: "fleet.webhook.test";
            subject: string;
            /** @description When the fact became so. */
            time: components["schemas"]["Time"];
            /** @description The same, in webhooks. */
            timestamp?: components["schemas"]["Time"];
            /** @constant */
            datacontenttype: "application/json";
            data: {
                webhookId: string;
                by: string;
                links: {
                    /** @description A URL; a path when the app does not know its address. */
                    webhook: string;
                };
            };
        };
        EnrollmentGroups: {
            enrollmentGroups: components["schemas"]["EnrollmentGroup"][];
        };
        EnrollmentGroup: {
            id: string;
            /** @description As declared last. Queries of URLs are shown in the answer to PUT only. */
            definition: components["schemas"]["GroupDefinitionOutput"];
            /** @description Whether DPS has the group as declared, and devices of it can register. */
            enrollment: {
                /** @enum {string} */
                status: "enrolled" | "pending" | "refused" | "deleting";
                at?: components["schemas"]["Time"];
                reason?: components["schemas"]["FailureReason"];
            };
            /** @description By which devices are provisioned until DPS accepts the definition. Absent when that is in force. */
            inForce?: components["schemas"]["GroupDefinitionOutput"];
            /** @description The current one, then at most one older one that DPS still accepts. */
            issuingCas: {
                generation: number;
                notAfter: components["schemas"]["Time"];
                certificatePem: string;
                /** @description Its issuers, nearest first, with the root. */
                readonly chainPem: string[];
                /** @description In DPS. */
                readonly registration?: {
                    name: string;
                    at: components["schemas"]["Time"];
                };
            }[];
            /** @description Who signs identities now: a CA that a worker made for itself below the issuing CA, or the issuing CA. */
            readonly issuance: {
                /** @enum {string} */
                by: "delegated" | "direct";
                /** @description Why it is `direct` although the group is for `delegated`, and what to do. */
                reason?: string;
            };
            /** @description CAs that DPS has no more, newest first. The EST server trusts their certificates until they end. */
            retiredCas?: {
                generation: number;
                notAfter: components["schemas"]["Time"];
                certificatePem: string;
                retiredAt: components["schemas"]["Time"];
            }[];
            /** @description CAs of groups of this id that were deleted, newest first. */
            formerCas?: {
                generation: number;
                notAfter: components["schemas"]["Time"];
                certificatePem: string;
                revokedAt: components["schemas"]["Time"];
            }[];
            /** @description With `allocation` "orchestrator" (docs/allocation.md). The key itself is never shown. */
            allocation?: {
                /** @description What this setting costs. */
                note: string;
                /** @description Number of the key by which DPS calls this app. A rotation adds 1. */
                keyGeneration: number;
                keyCreatedAt: components["schemas"]["Time"];
                /** @description When DPS had accepted this key. Until then it uses the key before. */
                keyWrittenAt?: components["schemas"]["Time"];
            };
            readonly suspension?: {
                /** @description A signed-in user as `name (object id)`, `function key`, or `order` and its source. */
                by: string;
                at: components["schemas"]["Time"];
                reason: string;
                /** @description The act that suspends its devices. */
                fleetAct: string;
            };
            readonly declaredBy?: components["schemas"]["Act"];
            /** @description Who deletes it, while the status is `deleting`. */
            readonly deletedBy?: components["schemas"]["Act"];
            /** @description Who took over a group in DPS that this deployment did not create. */
            readonly adoptedBy?: components["schemas"]["Act"];
            readonly rolledOverBy?: components["schemas"]["Act"];
            createdAt: components["schemas"]["Time"];
            updatedAt: components["schemas"]["Time"];
        };
        /** @description Who did something, and when. */
        Act: {
            /** @description A signed-in user as `name (object id)`, `function key`, or `order` and its source. */
            by: string;
            at: components["schemas"]["Time"];
        };
        /** @description An error (RFC 9457). */
        Problem: {
            /** @description `urn:fleet-orchestrator:error:` and the code. */
            type: string;
            title: components["schemas"]["ErrorCode"];
            /** @description The status of the answer. */
            status: number;
            /** @description What was found, and what was expected. */
            detail: string;
            /** @description What to do next. */
            hint: string;
            /** @description The path of the request. */
            instance: string;
            /** @description Line of a manifest, from 1; the header is line 1. */
            line?: number;
            /** @description Parameter, column, or path in JSON. */
            column?: string;
            expected?: string;
            /** @description The value found, cut to 120 characters. */
            value?: string;
            /** @description All that one check found, 20 at most. */
            faults?: {
                path: string;
                message: string;
            }[];
            /** @description Finds the request in the log. */
            traceId: string;
        };
        DeletedEnrollmentGroup: {
            id: string;
            /**
             * @description The enrollment group in DPS. `other`: this deployment did not create it, so it was left.
             * @enum {string}
             */
            dps: "deleted" | "absent" | "other";
            /** @description The CAs of the group, which stay on record as revoked. Newest first. */
            formerCas: {
                generation: number;
                notAfter: components["schemas"]["Time"];
                certificatePem: string;
                revokedAt: components["schemas"]["Time"];
                /** @description Its certificate in DPS. Remove it: fleet ca unregister GROUP. */
                readonly registration?: {
                    name: string;
                    at: components["schemas"]["Time"];
                };
            }[];
        };
        GroupRollover: {
            id: string;
            /** @description Absent until the group issues for the first time. */
            currentCa?: {
                generation: number;
                notAfter: components["schemas"]["Time"];
            };
            /** @description DPS accepts it until the rollover is completed. Absent when there is none. */
            olderCa?: {
                generation: number;
                notAfter: components["schemas"]["Time"];
            };
            readonly startedBy?: components["schemas"]["Act"];
            /** @description Who is removing the older CA. Repeat a request that was cut short. */
            readonly removing?: components["schemas"]["Act"];
            /** @description What stands in the way of removing the older CA. Absent when there is none. */
            gate?: components["schemas"]["RolloverGate"];
        };
        RolloverGate: {
            /** @description The older CA can be removed. */
            open: boolean;
            /** @description Devices that could not register any more if it left DPS now: the first three counts. */
            devicesLockedOut: number;
            /** @description Registered with a certificate of it, and have no other one. */
            notRenewed: components["schemas"]["DevicesUnderCa"];
            /** @description Registered with a certificate of it, and not yet with the one that they were issued since. */
            notConfirmed: components["schemas"]["DevicesUnderCa"];
            /** @description Bundles of it that were issued within `bundleShelfLifeDays`, and did not register yet. */
            notInstalled: components["schemas"]["DevicesUnderCa"];
            /** @description Bundles that were issued before and did not register. They do not hold the gate. */
            pastShelfLife: components["schemas"]["DevicesUnderCa"];
            /** @description Certificates of it for the EST server, which trusts them until they end. They do not hold the gate. */
            estIds: components["schemas"]["DevicesUnderCa"];
            /** @description The gate opens by itself then, at the latest. */
            opensBy?: components["schemas"]["Time"];
            /** @description When the devices were counted. */
            observedAt: components["schemas"]["Time"];
        };
        DevicesUnderCa: {
            devices: number;
            /** @description The last end of their certificates of the CA. */
            until?: components["schemas"]["Time"];
        };
        GroupAct: {
            group: components["schemas"]["EnrollmentGroup"];
            act: components["schemas"]["FleetAct"];
        };
        /** @description One act on many devices. */
        FleetAct: {
            actId: string;
            /** @enum {string} */
            act: "suspend" | "revoke" | "restore" | "scrap";
            /** @enum {string} */
            status: "running" | "completed" | "cancelled";
            reason: string;
            by: string;
            /** @description When it began. */
            estimate: components["schemas"]["FleetActEstimate"];
            counts: {
                /** @description Every door was read back. */
                done: number;
                /** @description A door was not as it should be yet; the app goes on by itself (GET /api/devices). */
                underway: number;
                refused: number;
                /** @description Left as they were: the act has nothing to do to them. */
                unchanged: number;
            };
            /** @description The latest 20 devices that refused. */
            readonly refusals: {
                deviceId: string;
                code: components["schemas"]["ErrorCode"];
                message: string;
            }[];
            devicesPerMinute?: number;
            /** @description When its next step is due. */
            nextAt: components["schemas"]["Time"];
            startedAt: components["schemas"]["Time"];
            finishedAt?: components["schemas"]["Time"];
            readonly cancelledBy?: components["schemas"]["Act"];
            /** @description Paths. */
            links: {
                self: string;
            };
        };
        /** @description What an act takes. */
        FleetActEstimate: {
            /** @description Devices that match and are not as the act would have them. */
            devices: number;
            /** @description Operations of the quotas of DPS and of the registry of the hubs. A bulk call counts as its devices. */
            calls: {
                dps: number;
                hub: number;
            };
            /** @description About, if nothing else uses the quotas. */
            minutes: number;
            /**
             * @description What the minutes follow from.
             * @enum {string}
             */
            limit: "hub registry" | "DPS" | "devicesPerMinute";
        };
        /** @description What a job would make of a list. Nothing was stored. */
        Check: {
            rows: number;
            /** @description Name it in `POST /api/jobs?check=`, so that the list is submitted only as it was checked. */
            digest: string;
            checkedAt: components["schemas"]["Time"];
            /** @description Rows by what a job would make of them. */
            readonly outcomes: {
                /** @description Devices that would be provisioned for the first time, or again after a failure. */
                new: number;
                /** @description Provisioned already with the same content: nothing would be issued. */
                unchanged: number;
                /** @description Provisioned already with other content: a new certificate and bundle. */
                replaced: number;
                /** @description Provisioned already with the same content, and issued again (`onConflict=reissue`). */
                reissued: number;
                /** @description Rows with a fault. */
                refused: number;
            };
            /** @description One per error code, most rows first. */
            readonly faults: {
                code: components["schemas"]["ErrorCode"];
                rows: number;
                /** @description The first rows, 5 at most. */
                readonly first: {
                    /** @description Line of the list on which the row begins, from 1. */
                    line: number;
                    message: string;
                    column?: string;
                    value?: string;
                }[];
            }[];
            estimate: components["schemas"]["Estimate"];
            /** @description What the reader repaired, and how often (docs/manifests.md). */
            repairs: {
                [key: string]: number;
            };
            /** @description Values that were accepted and may be wrong (docs/manifests.md). */
            warnings: {
                [key: string]: number;
            };
            /** @description Columns whose names were matched. */
            readonly renamedColumns?: {
                written: string;
                read: string;
            }[];
        };
        /** @description Time and price by published limits and list prices (docs/check.md). */
        Estimate: {
            /** @description Devices for which something would be issued. */
            devices: number;
            certificates: number;
            /**
             * @description The quota that takes longest, over both phases.
             * @enum {string}
             */
            binding?: "dps" | "hub" | "keyVault" | "cosmos";
            /** @description `issue`: until bundles are ready. `register`: until all devices have registered. */
            readonly phases: {
                /** @enum {string} */
                phase: "issue" | "register";
                minutes: number;
                /**
                 * @description The quota that takes longest.
                 * @enum {string}
                 */
                binding?: "dps" | "hub" | "keyVault" | "cosmos";
                readonly quotas: {
                    of: string;
                    source: string;
                    /** @description When the figure was entered. */
                    date: string;
                    /** @enum {string} */
                    service: "dps" | "hub" | "keyVault" | "cosmos";
                    /** @description The DPS instance that has the quota. Absent: `default`, or no quota of DPS. */
                    dps?: string;
                    operations: number;
                    perMinute: number;
                    minutes: number;
                }[];
            }[];
            /** @description How fast the devices of each group renew later if all of them are issued at once. */
            readonly renewals?: {
                enrollmentGroup: string;
                /** @description Rows of the list, or the size of the group if that is larger. */
                ofDevices: number;
                /** @description Days over which the ends of their certificates are spread. */
                jitterDays: number;
                perDay: number;
                perMinute: number;
                /** @description More per minute than half of what DPS takes: set `validityJitterDays`. */
                aboveHalfOfQuota: boolean;
            }[];
            /** @description Who signs the identities of each group: a CA that a worker makes for itself, or the issuing CA. */
            readonly issuance?: {
                enrollmentGroup: string;
                /** @enum {string} */
                by: "delegated" | "direct";
                /** @description Why it is `direct` although the group is for `delegated`. */
                reason?: string;
            }[];
            readonly price: {
                /** @constant */
                currency: "USD";
                once: number;
                perMonth: number;
                readonly items: {
                    of: string;
                    source: string;
                    /** @description When the figure was entered. */
                    date: string;
                    /** @enum {string} */
                    when: "once" | "perMonth";
                    count: number;
                    dollars: number;
                }[];
            };
            readonly assumptions: string[];
            /** @description The day of the newest figure. */
            figuresOf: string;
        };
        /** @description One submitted manifest and everything that becomes of it. */
        Job: {
            jobId: string;
            /** @enum {string} */
            status: "received" | "splitting" | "provisioning" | "completed" | "completedWithErrors" | "failed" | "cancelled" | "checking" | "checked";
            /** @description Why it failed. */
            reason?: components["schemas"]["FailureReason"];
            /** @enum {string} */
            source: "blob" | "order" | "http";
            /** @description The blob's name or the order's id. */
            name: string;
            /** @description The group of rows that name none. */
            enrollmentGroup?: string;
            /**
             * @description Absent when the name of the blob gives none.
             * @enum {string}
             */
            format?: "csv" | "ndjson" | "xlsx";
            /** @enum {string} */
            onConflict: "reject" | "replace" | "reissue";
            /** @description The sender's own keys, from its order. */
            readonly reference?: {
                [key: string]: unknown;
            };
            /**
             * @description Individual enrollments that this deployment did not create are replaced.
             * @constant
             */
            adopt?: true;
            /**
             * @description Its rows are checked, and nothing is provisioned (docs/check.md).
             * @constant
             */
            dryRun?: true;
            /** @description The digest of the check that has to hold before it begins. */
            expectedCheck?: string;
            /** @description What a dry run found, once it has ended. */
            check?: components["schemas"]["CheckSummary"];
            /** @description Rows by outcome. */
            counts: {
                total: number;
                provisioned: number;
                unchanged: number;
                /** @description Only the sender can correct these rows. */
                rejected: number;
                /** @description A retry takes these rows up. */
                failed: number;
                cancelled: number;
                /** @description Only in a dry run: rows that a job would provision. */
                checked?: number;
                waiting: number;
            };
            /** @description Rows of a retry that are not counted again yet. */
            retrying: number;
            /** @description What the reader repaired, and how often (docs/manifests.md). */
            repairs: {
                [key: string]: number;
            };
            /** @description Values that were accepted and may be wrong (docs/manifests.md). */
            warnings: {
                [key: string]: number;
            };
            /** @description Columns whose names were matched. */
            readonly renamedColumns?: {
                written: string;
                read: string;
            }[];
            /** @description Share of rows that are done. */
            percent: number;
            rowsPerSecond: number;
            /** @description Absent while it cannot be told. */
            remainingSeconds?: number;
            chunks: number;
            receivedAt: components["schemas"]["Time"];
            startedAt?: components["schemas"]["Time"];
            lastProgressAt?: components["schemas"]["Time"];
            finishedAt?: components["schemas"]["Time"];
            /** @description Absent for a blob, whose uploader is not known. */
            readonly submittedBy?: components["schemas"]["Act"];
            readonly cancelledBy?: components["schemas"]["Act"];
            /** @description The latest 20 retries, oldest first. */
            readonly retries?: {
                /** @description A signed-in user as `name (object id)`, `function key`, or `order` and its source. */
                by: string;
                at: components["schemas"]["Time"];
                rows: number;
                /** @constant */
                adopt?: true;
            }[];
            /** @description Paths. */
            links: {
                self: string;
                errors: string;
                results: string;
                devices: string;
            };
        };
        /** @description What a dry run found. */
        CheckSummary: {
            /** @description Name it in `POST /api/jobs?check=`, so that the list is submitted only as it was checked. */
            digest: string;
            checkedAt: components["schemas"]["Time"];
            /** @description Rows by what a job would make of them. */
            readonly outcomes: {
                /** @description Devices that would be provisioned for the first time, or again after a failure. */
                new: number;
                /** @description Provisioned already with the same content: nothing would be issued. */
                unchanged: number;
                /** @description Provisioned already with other content: a new certificate and bundle. */
                replaced: number;
                /** @description Provisioned already with the same content, and issued again (`onConflict=reissue`). */
                reissued: number;
                /** @description Rows with a fault. */
                refused: number;
            };
            /** @description One per error code, most rows first. */
            readonly faults: {
                code: components["schemas"]["ErrorCode"];
                rows: number;
                /** @description The first rows, 5 at most. */
                readonly first: {
                    /** @description Line of the list on which the row begins, from 1. */
                    line: number;
                    message: string;
                    column?: string;
                    value?: string;
                }[];
            }[];
            estimate: components["schemas"]["Estimate"];
        };
        Jobs: {
            jobs: components["schemas"]["Job"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        StartedRetry: {
            jobId: string;
            rows: number;
            links: {
                /** @description Path of the job. */
                self: string;
            };
        };
        UploadWithUrl: {
            upload: components["schemas"]["Upload"];
            /** @description Signed: whoever has it can create this one blob, once, until `expiresAt`. No answer shows it again. */
            url: string;
            /** @description Headers that the PUT to the URL needs. */
            headers: {
                [key: string]: string;
            };
            /** @description The same for `curl`; put the name of the file in the place of LIST. */
            command: string;
        };
        /** @description A list that is uploaded to blob storage. */
        Upload: {
            uploadId: string;
            /**
             * @description `waiting`: nothing was uploaded yet. `received`: the list is stored, and its job comes within seconds. `submitted`: it has a job. `expired`: nothing was uploaded in time, or the list was deleted.
             * @enum {string}
             */
            status: "waiting" | "received" | "submitted" | "expired";
            /** @description Where the list is expected, in the container `manifests`. */
            blob: string;
            /** @description The upload can begin until then. */
            expiresAt: components["schemas"]["Time"];
            jobId?: string;
            /** @description Paths. */
            links: {
                self: string;
                job?: string;
            };
        };
        RowErrors: {
            errors: components["schemas"]["RowError"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        RowError: {
            /** @description Line of the manifest on which the row begins; the header is line 1. */
            line: number;
            code: components["schemas"]["ErrorCode"];
            message: string;
            /** @description What to do next. */
            hint: string;
            column?: string;
            expected?: string;
            value?: string;
            /** @description The row as it was sent, cut to 1,024 characters; empty when it is not known. */
            row: string;
        };
        ErrorSummary: {
            codes: {
                code: components["schemas"]["ErrorCode"];
                /** @description What to do next. */
                hint: string;
                rows: number;
                /** @description The first five of them. */
                first: components["schemas"]["RowError"][];
                /** @description Path and query of all of them. */
                link: string;
            }[];
            /** @description False: only the first 200 chunks with errors were counted. */
            complete: boolean;
        };
        ResultRows: {
            readonly results: components["schemas"]["ResultRow"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        ResultRow: {
            line: number;
            deviceId: string;
            /** @description `provisioned`, `unchanged`, or `report-missing:` and how many rows have no report. Of a dry run `new`, `unchanged`, `replaced` or `reissued`. */
            status: string;
            enrollmentGroup: string;
            serialNumber: string;
            sha256Thumbprint: string;
            notAfter: string;
        };
        Devices: {
            devices: components["schemas"]["Device"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        Device: {
            deviceId: string;
            /** @description The id as its manifest has it, where that has upper case. */
            writtenId?: string;
            /** @enum {string} */
            status: "claimed" | "provisioned" | "assigned" | "failed" | "deleting" | "deleted" | "closing" | "suspended" | "revoked" | "scrapped" | "opening";
            statusSince: components["schemas"]["Time"];
            enrollmentGroup: string;
            /** @description Why the status is `failed`. */
            readonly failure?: {
                code: components["schemas"]["ErrorCode"];
                message: string;
            };
            /** @description The latest row that was to issue the device again failed. The device keeps what it had. */
            failedReissue?: {
                code: components["schemas"]["ErrorCode"];
                message: string;
                at: components["schemas"]["Time"];
                jobId: string;
                line: number;
            };
            /** @description Without thumbprints and validity while nothing is issued. */
            certificate: {
                /** @description Hex. It is stored before anything is signed. */
                serialNumber: string;
                /** @description Upper-case hex. */
                sha1Thumbprint?: string;
                /** @description Upper-case hex. */
                sha256Thumbprint?: string;
                notBefore?: components["schemas"]["Time"];
                notAfter?: components["schemas"]["Time"];
            };
            /** @description How it gets its next certificate. Absent while the device is not in use. */
            renewal?: {
                renewsItself: boolean;
                /** @description When it renews, or when its certificate ends if it does not renew by itself. */
                by?: components["schemas"]["Time"];
                /** @description It is late from then on: two retries have failed. */
                lateAt?: components["schemas"]["Time"];
                /**
                 * @description `est`: by the EST server of this deployment. `elsewhere`: by another one, so `by` is not known. `reissue`: submit its row again with onConflict=reissue, and install the bundle.
                 * @enum {string}
                 */
                how: "est" | "elsewhere" | "reissue";
                /** @description Since when it has a renewed certificate with which no registration was seen. */
                unconfirmedSince?: components["schemas"]["Time"];
            };
            /** @description The row that holds it. */
            job: {
                jobId: string;
                line: number;
                link: string;
            };
            /** @description In a list the device's own part, for one device its whole initial twin. */
            readonly twin: {
                readonly tags: {
                    [key: string]: unknown;
                };
                readonly desired: {
                    [key: string]: unknown;
                };
            };
            /** @description As DPS reported it last. */
            readonly registration: {
                /** @enum {string} */
                status: "unassigned" | "assigning" | "assigned" | "failed" | "disabled";
                /** @description Host name of the hub. */
                assignedHub?: string;
                /** @description How DPS assigned it, such as `deviceDataReset`. */
                substatus?: string;
                /** @description When DPS changed it last. */
                at?: components["schemas"]["Time"];
                errorCode?: number;
                errorMessage?: string;
                twinDeliveredAt?: components["schemas"]["Time"];
                /** @description When it was read so first. */
                seenAt?: components["schemas"]["Time"];
                /** @description The present certificate when it was read. */
                sha256Thumbprint?: string;
            };
            /** @description Its individual enrollment as DPS had it, seen last. */
            readonly enrolled?: {
                seenAt: components["schemas"]["Time"];
                sha256Thumbprint: string;
                /** @enum {string} */
                provisioningStatus?: "enabled" | "disabled";
                /** @description Since when DPS does not have it. */
                missingSince?: components["schemas"]["Time"];
            };
            /** @description Who deletes it, while the status is `deleting`, or deleted it. Its certificate is revoked. */
            deletion?: {
                by: string;
                at: components["schemas"]["Time"];
            };
            /** @description Earlier certificates of kind `identity` among `certificates`, newest first. */
            readonly formerCertificates?: {
                /** @description Hex. */
                serialNumber: string;
                sha1Thumbprint: string;
                sha256Thumbprint: string;
                notBefore: components["schemas"]["Time"];
                notAfter: components["schemas"]["Time"];
                /** @enum {string} */
                status: "superseded" | "revoked";
                since: components["schemas"]["Time"];
                assignedHub?: string;
            }[];
            /** @description Since when it has a renewed identity with which no registration was seen. The one before is good until then. */
            unconfirmedSince?: components["schemas"]["Time"];
            /** @description Every certificate that has not expired, and the latest 20, newest first. */
            readonly certificates: {
                /** @enum {string} */
                kind: "identity" | "edge-ca" | "est-id";
                /** @description Hex. */
                serialNumber: string;
                /** @description Upper-case hex. */
                sha1Thumbprint: string;
                /** @description Upper-case hex. */
                sha256Thumbprint: string;
                notBefore: components["schemas"]["Time"];
                notAfter: components["schemas"]["Time"];
                /** @description The group whose CA issued it. */
                enrollmentGroup: string;
                /** @description Generation of that CA. 0: the CA for est-ids only. */
                caGeneration?: number;
                /** @description Serial number of the delegated CA that signed it, below that CA. Hex. */
                delegatedCa?: string;
                /** @description The request to the EST server that it answers. */
                request?: {
                    /** @description SHA-256 of the PKCS#10 request, hex. */
                    sha256: string;
                    at: components["schemas"]["Time"];
                };
                /** @enum {string} */
                keyMadeBy?: "device" | "service";
                /**
                 * @description A `superseded` certificate was replaced. DPS can still accept it until it expires.
                 * @enum {string}
                 */
                state: "live" | "superseded" | "revoked";
                /** @description When `state` became so. */
                since: components["schemas"]["Time"];
                /** @description When a registration was first seen that is younger than it. */
                confirmedAt?: components["schemas"]["Time"];
                /** @description When DPS registered the device last while it was the present one. */
                registeredAt?: components["schemas"]["Time"];
                /** @description The hub that the device was assigned to with it. */
                assignedHub?: string;
            }[];
            /** @description Why the device has no access. It stays for a minute after a restore. */
            block?: {
                /** @enum {string} */
                kind: "suspended" | "revoked" | "scrapped";
                by: string;
                at: components["schemas"]["Time"];
                reason: string;
                /** @description `record`: reissue. `enrollment`: registration with DPS. `hub`: connection. `bundle`: download. `renewal`: new certificates. */
                doors: {
                    record: components["schemas"]["Door"];
                    enrollment: components["schemas"]["Door"];
                    hub: components["schemas"]["Door"];
                    bundle: components["schemas"]["Door"];
                    renewal: components["schemas"]["Door"];
                };
                /** @description When the doors are looked at a second time. Absent once they were found as they should be. */
                checkedAgainAt?: components["schemas"]["Time"];
                /** @description The restore that opens the doors. */
                restore?: {
                    /** @description A signed-in user as `name (object id)`, `function key`, or `order` and its source. */
                    by: string;
                    at: components["schemas"]["Time"];
                    reason: string;
                };
            };
            bundle?: {
                fileName: string;
                bytes: number;
                /** @description Lower-case hex. */
                sha256?: string;
                keptUntil?: components["schemas"]["Time"];
                /** @description Path. Absent when its retention has ended. */
                link?: string;
            };
            /** @description Path of its entries in the audit trail. The history is a summary. */
            audit: string;
            /** @description The latest 20 events, oldest first. */
            readonly history: {
                at: components["schemas"]["Time"];
                event: string;
                /** @description For people. */
                detail?: string;
            }[];
        };
        /** @description One way by which a device or a caller gets in. */
        Door: {
            /** @enum {string} */
            state: "closed" | "not yet" | "open";
            /** @description When it was read back as closed. */
            at?: components["schemas"]["Time"];
            /** @description Why it is not closed yet. */
            why?: string;
        };
        HeldCertificates: {
            readonly certificates: components["schemas"]["HeldCertificate"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        HeldCertificate: {
            deviceId: string;
            /** @enum {string} */
            deviceStatus: "claimed" | "provisioned" | "assigned" | "failed" | "deleting" | "deleted" | "closing" | "suspended" | "revoked" | "scrapped" | "opening";
            /** @enum {string} */
            kind: "identity" | "edge-ca" | "est-id";
            serialNumber: string;
            sha1Thumbprint: string;
            sha256Thumbprint: string;
            notBefore: components["schemas"]["Time"];
            notAfter: components["schemas"]["Time"];
            /** @description The group whose CA issued it. */
            enrollmentGroup: string;
            /** @description 0: the CA for est-ids only. Absent where it was issued by an earlier version. */
            caGeneration?: number;
            /** @description Serial number of the delegated CA that signed it, below that CA. Hex. */
            delegatedCa?: string;
            /** @enum {string} */
            keyMadeBy?: "device" | "service";
            /**
             * @description Now.
             * @enum {string}
             */
            state: "live" | "superseded" | "revoked";
            /** @description When the state became so. */
            since: components["schemas"]["Time"];
            confirmedAt?: components["schemas"]["Time"];
            assignedHub?: string;
            /** @description The request to the EST server that it answers. */
            request?: {
                /** @description SHA-256 of the PKCS#10 request, hex. */
                sha256: string;
                at: components["schemas"]["Time"];
            };
        };
        CertificateAuthorities: {
            readonly certificateAuthorities: components["schemas"]["CertificateAuthority"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        /** @description A delegated CA (docs/delegated-issuing.md). */
        CertificateAuthority: {
            /** @description Hex. */
            serialNumber: string;
            enrollmentGroup: string;
            /** @description Generation of the issuing CA that signed it. */
            caGeneration: number;
            /**
             * @description `open`: its key may exist. `ended`: it does not. `blocked`: DPS and the EST server refuse its certificates.
             * @enum {string}
             */
            state: "open" | "ended" | "blocked";
            /** @description The process that made its key: host and process id. */
            worker: string;
            commonName: string;
            /** @description When its record was written, before it was signed. */
            reservedAt: components["schemas"]["Time"];
            notBefore: components["schemas"]["Time"];
            notAfter: components["schemas"]["Time"];
            /** @description It signs nothing from then on. */
            signsUntil: components["schemas"]["Time"];
            /** @description Absent until it is signed. */
            certificatePem?: string;
            /** @description When and why its key was dropped. */
            readonly ended?: {
                at: components["schemas"]["Time"];
                /**
                 * @description `lost`: its worker died. See docs/delegated-issuing.md.
                 * @enum {string}
                 */
                reason: "idle" | "age" | "shutdown" | "group-changed" | "blocked" | "not-made" | "lost";
                /** @description Certificates that it signed, Edge CAs included. Absent for `lost`. */
                certificates?: number;
            };
            /** @description Who blocked it, and why. */
            readonly blocked?: {
                /** @description A signed-in user as `name (object id)`, `function key`, or `order` and its source. */
                by: string;
                at: components["schemas"]["Time"];
                reason: string;
                /** @description The disabled enrollment group on it. Absent until DPS has it, or where nothing was signed. */
                readonly inDps?: {
                    enrollmentGroup: string;
                    at: components["schemas"]["Time"];
                    removedAt?: components["schemas"]["Time"];
                };
            };
        };
        DevicesOfCertificateAuthority: {
            /** @description Devices that work with a certificate of it. Once it is blocked, each has to be issued again. */
            readonly devices: components["schemas"]["DeviceOfCa"][];
            /** @description Path of their rows. Submit them to `POST /api/jobs` with onConflict=reissue. */
            reissueList: string;
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        DeviceOfCa: {
            deviceId: string;
            /** @enum {string} */
            status: "claimed" | "provisioned" | "assigned" | "failed" | "deleting" | "deleted" | "closing" | "suspended" | "revoked" | "scrapped" | "opening";
            enrollmentGroup: string;
            certificate: {
                serialNumber: string;
                sha256Thumbprint: string;
                notAfter: components["schemas"]["Time"];
                /**
                 * @description `service`: the worker made the key, too, so it may be known to who has the key of the CA.
                 * @enum {string}
                 */
                keyMadeBy?: "device" | "service";
                /** @description The hub that it registered at with this certificate. */
                assignedHub?: string;
            };
            link: string;
        };
        BlockedCertificateAuthority: {
            certificateAuthority: components["schemas"]["CertificateAuthority"];
            /** @description Devices that work with a certificate of it. Once it is blocked, each has to be issued again. */
            readonly devices: components["schemas"]["DeviceOfCa"][];
            /** @description Path of their rows. Submit them to `POST /api/jobs` with onConflict=reissue. */
            reissueList: string;
            /** @description Path of the list of all of them, when it has more than these. */
            next?: string;
        };
        FleetActs: {
            readonly acts: components["schemas"]["FleetAct"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        Renewals: {
            /**
             * Format: date
             * @description First day of the period, UTC.
             */
            from: string;
            /**
             * Format: date
             * @description Last day of the period, UTC.
             */
            until: string;
            /** @description When these counts were read. */
            observedAt: components["schemas"]["Time"];
            readonly groups: {
                enrollmentGroup: string;
                /**
                 * @description `est`: devices renew by the EST server of this deployment. `elsewhere`: by another one, which the records do not show. `reissue`: they do not renew by themselves. Devices keep what their bundle has when the group is declared differently.
                 * @enum {string}
                 */
                by: "est" | "elsewhere" | "reissue";
                /** @description Devices that renew then. In the past: those that did not renew since. */
                due: number;
                /** @description The same of devices that have not registered yet. */
                waiting: number;
                /** @description Devices whose latest renewal was confirmed by a registration then. */
                done: number;
                /** @description Devices with a renewed certificate and no registration with it for an hour or longer, now. */
                failed: number;
                /** @description Devices that have not renewed although two retries have failed, now. */
                late: number;
                /** @description Days of the period with a count above 0, oldest first. UTC. */
                readonly days: {
                    /** Format: date */
                    day: string;
                    /** @description Devices that renew then. In the past: those that did not renew since. */
                    due: number;
                    /** @description The same of devices that have not registered yet. */
                    waiting: number;
                    /** @description Devices whose latest renewal was confirmed by a registration then. */
                    done: number;
                }[];
                /** @description Devices that do not renew by themselves, and that have ended or end before long. */
                reissue?: {
                    devices: number;
                    /** @description When the first of them ends, or ended. */
                    earliest: components["schemas"]["Time"];
                    /** @description All of them end before this. */
                    before: components["schemas"]["Time"];
                    /** @description True: each row needs a new `csr`, since devices of the group make their keys. */
                    needsCsr: boolean;
                    /** @description Path of their rows. Submit them to `POST /api/jobs` with onConflict=reissue. */
                    list: string;
                };
            }[];
        };
        Findings: {
            readonly findings: components["schemas"]["Finding"][];
            /** @description The latest sweep that ended. Absent before the first one. */
            readonly latestSweep?: {
                began: components["schemas"]["Time"];
                endedAt: components["schemas"]["Time"];
                /** @description Counts: the things that it compared, by kind, and the findings that it opened, ended and repaired. */
                figures: {
                    [key: string]: number;
                };
            };
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        Finding: {
            /** @description The same in every sweep. */
            id: string;
            /**
             * @description See docs/findings.md.
             * @enum {string}
             */
            kind: "group-missing" | "group-changed" | "group-other-ca" | "group-foreign" | "enrollment-missing" | "enrollment-foreign" | "enrollment-changed" | "block-missing" | "block-left" | "ca-block-missing" | "enabled-though-revoked" | "unknown-certificate" | "superseded-certificate" | "other-hub" | "identity-elsewhere" | "identity-missing" | "identity-disabled" | "registration-missing" | "tags-differ" | "other-authentication" | "registered-unknown" | "ca-ending" | "certificate-ending" | "renewal-late" | "renews-too-often" | "archive-missing";
            /** @enum {string} */
            severity: "critical" | "high" | "medium" | "low";
            /**
             * @description `open`: waits for a decision. `accepted`: quiet until it changes. `repaired`: no sweep has looked since. `gone`: no longer seen; kept for FINDING_RETENTION_DAYS.
             * @enum {string}
             */
            state: "open" | "accepted" | "repaired" | "gone";
            readonly subject: {
                /** @enum {string} */
                type: "device" | "group" | "ca" | "archive";
                /** @description Id of the device or group; of a CA the group and its generation, of a delegated CA its serial number; of an archive its blob. */
                id: string;
                enrollmentGroup?: string;
            };
            /** @description What the records say. */
            readonly expected: {
                [key: string]: unknown;
            };
            /** @description What was seen in Azure. */
            readonly seen: {
                [key: string]: unknown;
            };
            meaning: string;
            /**
             * @description `self`: the sweep repairs it. `asked`: an operator asks for it. `none`: a person has to act.
             * @enum {string}
             */
            repair: "self" | "asked" | "none";
            /** @description What a repair does, or what to do. */
            remedy: string;
            firstSeen: components["schemas"]["Time"];
            lastSeen: components["schemas"]["Time"];
            /** @description What was done about it: the latest 20, oldest first. */
            readonly acts: {
                /** @enum {string} */
                act: "accepted" | "repaired" | "repair failed" | "gone" | "opened again";
                /** @description `sweep` for what the app does without being asked. */
                by: string;
                at: components["schemas"]["Time"];
                reason?: string;
            }[];
        };
        AuditEntries: {
            readonly entries: components["schemas"]["AuditEntry"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        AuditEntry: {
            /** @description Its place in the log. */
            index: number;
            /** @description The same for an intent and its result. */
            id: string;
            /** @enum {string} */
            phase: "intent" | "result";
            /** @description By the clock of the instance. */
            at: components["schemas"]["Time"];
            /** @description The id of the operation, or the name of the work: docs/audit.md. */
            action: string;
            by: string;
            /** @description The app role that let the caller in. */
            role?: string;
            /** @description What it was done to. */
            readonly subject: {
                [key: string]: unknown;
            };
            /** @description The reason that was given. */
            why?: string;
            trace?: string;
            /**
             * @description Of a result.
             * @enum {string}
             */
            outcome?: "done" | "failed";
            /** @description Of a failure. */
            code?: string;
            readonly details?: {
                [key: string]: unknown;
            };
        };
        DeadLetters: {
            readonly deadLetters: components["schemas"]["DeadLetter"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        /** @description A message that failed for good, and why. */
        DeadLetter: {
            /** @description Digest of queue and body: the same message again has the same id. */
            id: string;
            /** @enum {string} */
            queue: "manifest-uploads" | "orders" | "chunks" | "individual-enrollments" | "device-blocks" | "event-deliveries";
            /** @description The message as it was sent. */
            body: string;
            readonly reason: components["schemas"]["FailureReason"];
            /** @description Of an order, when it can be read. */
            orderId?: string;
            /** @description Of an order: the sender's own keys. */
            readonly reference?: {
                [key: string]: unknown;
            };
            /** @description When it failed last. */
            at: components["schemas"]["Time"];
            /** @description How often it has failed for good. */
            times: number;
            readonly redriven?: components["schemas"]["Act"];
            readonly discarded?: components["schemas"]["Act"];
        };
        Redrive: {
            /** @description Letters that were sent again, or whose rows are retried. */
            redriven: number;
            /** @description Letters for which there was nothing to do. They stay on the list. */
            left: number;
            /** @description Why: the first 100 of them. */
            readonly reasons: {
                id: string;
                /** @enum {string} */
                queue: "manifest-uploads" | "orders" | "chunks" | "individual-enrollments" | "device-blocks" | "event-deliveries";
                readonly reason: components["schemas"]["FailureReason"];
            }[];
            /** @description True: 60 seconds were over before all letters were met. Send the request again. */
            more: boolean;
        };
        Discard: {
            discarded: number;
            /** @description Letters that changed meanwhile. They stay as they are. */
            left: number;
            /** @description True: 60 seconds were over before all letters were met. Send the request again. */
            more: boolean;
        };
        WebhookWithSecret: {
            webhook: components["schemas"]["Webhook"];
            /** @description `whsec_` and base64 (Standard Webhooks). It is shown only here. */
            secret: string;
        };
        Webhook: {
            webhookId: string;
            /** @description With `redacted` in the place of its query. */
            url: string;
            readonly types: components["schemas"]["EventType"][];
            description?: string;
            readonly created: components["schemas"]["Act"];
            /** @description The secrets that sign, newest first. No answer shows them again. */
            readonly secrets: {
                /** @description Absent: the newest one. */
                until?: components["schemas"]["Time"];
            }[];
            /** @description Why nothing is sent. `POST …/enable` ends that. */
            readonly disabled?: {
                at: components["schemas"]["Time"];
                why: string;
            };
            /** @description When a delivery succeeded last, to the hour. */
            lastSuccessAt?: components["schemas"]["Time"];
            /** @description Paths. */
            links: {
                self: string;
                deliveries: string;
            };
        };
        Webhooks: {
            readonly webhooks: components["schemas"]["Webhook"][];
        };
        WebhookTest: {
            deliveryId: string;
        };
        EventDeliveries: {
            readonly deliveries: components["schemas"]["EventDelivery"][];
            /** @description Absent on the last page. */
            continuation?: string;
            /** @description Path and query of the next page. Absent on the last page. */
            next?: string;
            /** @description The same with scheme and host, as this app was called. */
            nextLink?: string;
        };
        EventDelivery: {
            /** @description The id of its event; of a batch a digest of their ids. */
            deliveryId: string;
            /** @enum {string} */
            state: "waiting" | "delivered" | "failed";
            readonly types: components["schemas"]["EventType"][];
            /** @description Of its first event. */
            subject: string;
            events: number;
            attempts: number;
            createdAt: components["schemas"]["Time"];
            lastAttemptAt?: components["schemas"]["Time"];
            nextAttemptAt?: components["schemas"]["Time"];
            lastError?: string;
        };
        Summary: {
            readonly devices: {
                total: number;
                readonly byStatus: {
                    claimed: number;
                    provisioned: number;
                    assigned: number;
                    failed: number;
                    deleting: number;
                    deleted: number;
                    closing: number;
                    suspended: number;
                    revoked: number;
                    scrapped: number;
                    opening: number;
                };
                /** @description Groups that have devices. */
                readonly byGroup: {
                    enrollmentGroup: string;
                    total: number;
                    readonly byStatus: {
                        claimed: number;
                        provisioned: number;
                        assigned: number;
                        failed: number;
                        deleting: number;
                        deleted: number;
                        closing: number;
                        suspended: number;
                        revoked: number;
                        scrapped: number;
                        opening: number;
                    };
                }[];
                /** @description When these counts were read. */
                observedAt: components["schemas"]["Time"];
            };
            readonly jobs: {
                /** @description Jobs that have not ended, of any age. */
                running: number;
                /** @description Jobs that were received since then, by their status now. */
                readonly lastDay: {
                    /** @description The begin of an hour, 24 to 25 hours ago. `GET /api/jobs?since=` has the same jobs. */
                    since: components["schemas"]["Time"];
                    readonly byStatus: {
                        received: number;
                        splitting: number;
                        provisioning: number;
                        completed: number;
                        completedWithErrors: number;
                        failed: number;
                        cancelled: number;
                        checking: number;
                        checked: number;
                    };
                };
                /** @description Jobs by the day on which they were received, UTC: the last 14 days, oldest first. */
                readonly days: {
                    /** Format: date */
                    day: string;
                    readonly byStatus: {
                        received: number;
                        splitting: number;
                        provisioning: number;
                        completed: number;
                        completedWithErrors: number;
                        failed: number;
                        cancelled: number;
                        checking: number;
                        checked: number;
                    };
                }[];
                /** @description When these counts were read. */
                observedAt: components["schemas"]["Time"];
            };
            /** @description Devices by the end of their certificate. */
            readonly certificates: {
                ended: number;
                within30Days: number;
                /** @description Those within 30 days included. */
                within90Days: number;
                readonly byGroup: {
                    enrollmentGroup: string;
                    ended: number;
                    within30Days: number;
                    /** @description Those within 30 days included. */
                    within90Days: number;
                }[];
                /** @description When these counts were read. */
                observedAt: components["schemas"]["Time"];
            };
            readonly groups: {
                enrolled: number;
                /** @description Ids of groups that wait for DPS or for an operator. */
                readonly pending: string[];
                /** @description Ids of groups that DPS refused. */
                readonly refused: string[];
                /** @description Ids of groups that are being deleted. */
                readonly deleting: string[];
                /** @description CA certificates that have ended or end within 90 days, soonest first. */
                readonly endingCas: {
                    group: string;
                    /** @enum {string} */
                    certificate: "issuing CA" | "chain";
                    notAfter: components["schemas"]["Time"];
                    /** @description Whole days left; negative once it has ended. */
                    days: number;
                }[];
            };
            /** @description Open findings. `GET /api/findings` has them. */
            readonly findings: {
                total: number;
                readonly bySeverity: {
                    critical: number;
                    high: number;
                    medium: number;
                    low: number;
                };
                /** @description When these counts were read. */
                observedAt: components["schemas"]["Time"];
            };
            /** @description Letters that wait. Absent for a caller whose role is limited to enrollment groups. */
            readonly deadLetters?: {
                total: number;
                readonly byReason: {
                    /** @enum {string} */
                    queue: "manifest-uploads" | "orders" | "chunks" | "individual-enrollments" | "device-blocks" | "event-deliveries";
                    code: components["schemas"]["ErrorCode"];
                    letters: number;
                }[];
                /** @description When these counts were read. */
                observedAt: components["schemas"]["Time"];
            };
            /** @description Absent for a caller whose role is limited to enrollment groups. */
            readonly queues?: {
                readonly byQueue: {
                    /** @enum {string} */
                    queue: "manifest-uploads" | "orders" | "chunks" | "individual-enrollments" | "device-blocks" | "event-deliveries";
                    /** @description Approximately. Messages that are in work, or wait for another delivery, are included. */
                    messages: number;
                    /** @description When the first message that can be received was sent. Absent when there is none. */
                    oldest?: components["schemas"]["Time"];
                }[];
                /** @description When these counts were read. */
                observedAt: components["schemas"]["Time"];
            };
            /** @description How much of the limits of DPS and its hubs is used. Absent: not counted yet. Absent for a caller whose role is limited to enrollment groups. */
            readonly quotas?: {
                /**
                 * @description What is counted. `dpsGroups`: X.509 enrollment groups per DPS instance; `dpsEnrollments`: individual enrollments per DPS instance; `dpsRegistrations`: registrations of devices per DPS instance; `dpsCaCertificates`: CA certificates per DPS instance; `hubIdentities`: device identities per IoT hub.
                 * @enum {string}
                 */
                name: "dpsGroups" | "dpsEnrollments" | "dpsRegistrations" | "dpsCaCertificates" | "hubIdentities";
                /** @description The DPS instance whose sweep counted it. Absent: `default`. */
                dps?: string;
                /** @description Host name. Present with `hubIdentities`. */
                hub?: string;
                /** @description Those of others included, except registrations in enrollment groups that are not ours. Absent: the hub did not answer. */
                used?: number;
                /** @description The default of a new service. Azure support raises some of them. */
                limit: number;
                /** @description When the sweep began that counted them; for `dpsCaCertificates`, when an operator asked DPS last (`fleet ca`). */
                observedAt: components["schemas"]["Time"];
                /**
                 * Format: uri
                 * @description Microsoft's page of the limit.
                 */
                source: string;
            }[];
        };
        Health: {
            /** @enum {string} */
            status: "ok" | "failing";
            checks: {
                name: string;
                ok: boolean;
                /** @description What is wrong, and what the operator can do. */
                problem?: string;
                /** @description What an operator should know although nothing is wrong. */
                note?: string;
            }[];
        };
        Me: {
            /**
             * @description Whether callers have function keys or sign in with Microsoft Entra.
             * @enum {string}
             */
            access: "keys" | "entra";
            name: string;
            /** @description Object id in the directory. Absent with a function key. */
            id?: string;
            /** @description Roles for all enrollment groups. Absent with a function key, whose role only the host knows. */
            readonly roles?: ("reader" | "submitter" | "operator")[];
            /** @description Roles for some enrollment groups. Absent with a function key. */
            groupRoles?: {
                /** @enum {string} */
                role: "reader" | "submitter" | "operator";
                readonly enrollmentGroups: string[];
            }[];
            /** @description What the caller may call. With a function key: all operations, which the key may or may not open. */
            operations: {
                /** @description The `operationId` of docs/openapi.json. */
                id: string;
                /**
                 * @description The lowest role that may call it.
                 * @enum {string}
                 */
                role: "reader" | "submitter" | "operator";
                maxBodyBytes: number;
                /** @description The groups for which the caller may call it. Absent: all. */
                readonly enrollmentGroups?: string[];
            }[];
            deployment: {
                /** @description Whether groups may have keyCustody "plain" (ALLOW_PLAIN_KEYS). */
                plainKeys: boolean;
                /** @description Which URLs of groups may name a private address (ALLOW_PRIVATE_URLS). */
                privateUrls: string;
                /** @description Rows per chunk of a new job. */
                chunkRows: number;
                /** @description Of the DPS instance `default`. */
                dpsOperationsPerMinute: number;
                /** @description The DPS instances of the deployment, `default` first. */
                readonly dpsInstances: {
                    /** @description As groups have it in `dps`. */
                    name: string;
                    idScope: string;
                    /** Format: uri */
                    globalEndpoint: string;
                    /** @description Host of its service API. Absent: an emulator. */
                    serviceHost?: string;
                    operationsPerMinute: number;
                }[];
                /** @description Absent: bundles are kept. */
                bundleRetentionDays?: number;
                /** @description Digest of the package, as `npm run package` wrote it into its package.json. Absent: the app runs from source. */
                packageDigest?: string;
            };
        };
        GroupDefinitionOutput: {
            /** @description A note for people. */
            description?: string;
            /**
             * @description One DPS enrollment group for all devices (1 call), or one individual enrollment per device (10 per call).
             * @default group
             * @enum {string}
             */
            enrollment: "group" | "individual";
            /**
             * @description Where the private key is: on the device (it sends a CSR), in a bundle encrypted to `recipients`, or in a plain bundle.
             * @enum {string}
             */
            keyCustody: "device" | "sealed" | "plain";
            /** @description The DPS instance that the group is in, by its name in DPS_INSTANCES. Its ID scope goes into the bundles, so it cannot be changed afterwards. Default: the instance of DPS_ID_SCOPE. */
            dps?: string;
            /**
             * @description Device ids in upper case are refused, or lower-cased; the device record keeps the id as written.
             * @default refuse
             * @enum {string}
             */
            deviceIdCase: "refuse" | "fold";
            /**
             * @description Type of the key of a device identity that this app makes. Requests of devices (`keyCustody` "device", EST) may have a P-256 or an RSA-2048 key in every group.
             * @default ec-p256
             * @enum {string}
             */
            keyType: "ec-p256" | "rsa-2048";
            /**
             * @description Subject alternative name of a device identity, for verifiers that want one: none; "uri", `urn:fleet:<group>:<device id>`; or "dns", the device id, which then has to be a host name. The common name is the device id in each case. Default: "none".
             * @enum {string}
             */
            subjectAltName?: "none" | "dns" | "uri";
            /**
             * @description Life of a device identity in days. It never outlives its issuing CA.
             * @default 365
             */
            validityDays: number;
            /** @description Days over which the ends of identities are spread, so that they are not all renewed at once: 0 to half of `validityDays`. Default: from the size of the group, at most a tenth of `validityDays`. */
            validityJitterDays?: number;
            /**
             * @description Days in which a bundle is installed. At a rollover, the older CA stays for that long.
             * @default 90
             */
            bundleShelfLifeDays: number;
            /** @description The intermediate CA of the group. A change takes effect at the next rollover. */
            issuingCa: {
                /**
                 * @description Signed by our root at its first use, or signed elsewhere and imported (fleet ca csr, import).
                 * @default fleet
                 * @enum {string}
                 */
                origin: "fleet" | "outside";
                /**
                 * @description Type of the key of the CA.
                 * @default ec-p256
                 * @enum {string}
                 */
                keyType: "ec-p256" | "ec-p384" | "rsa-4096";
                /**
                 * @description Life of the CA in days. It never outlives its root.
                 * @default 1825
                 */
                validityDays: number;
            };
            /**
             * @description Who signs identities: a CA below the issuing CA that a worker has in memory for an hour at most, or the issuing CA itself. Default: "delegated" where CA keys are in a Key Vault and enrollment is "group", else "direct".
             * @enum {string}
             */
            issuance?: "delegated" | "direct";
            /**
             * @description How DPS has the CA of the group: in the enrollment group, or as a verified CA by name (fleet ca register).
             * @default signingCertificate
             * @enum {string}
             */
            attestation: "signingCertificate" | "caReference";
            /**
             * @description The device software that a bundle installs on.
             * @default iotedge-1.6
             * @enum {string}
             */
            target: "iotedge-1.6" | "iotedge-1.5" | "iotedge-1.4" | "iotedge-1.2" | "iotedge-1.1" | "dps-device";
            /**
             * @description PEM certificates that sealed bundles are encrypted to (CMS EnvelopedData).
             * @default []
             */
            recipients: string[];
            /**
             * @description IoT Edge `auto_reprovisioning_mode`.
             * @default Dynamic
             * @enum {string}
             */
            autoReprovisioningMode: "Dynamic" | "AlwaysOnStartup" | "OnErrorOnly";
            /**
             * @description The CA of a gateway for its modules: made by its daemon, issued by us into the bundle, or issued by `est`.
             * @default daemon
             * @enum {string}
             */
            edgeCa: "daemon" | "issued" | "est";
            /** @description EST server (RFC 7030) that issues certificates to gateways. Their first credential is the identity of the bundle. "fleet" is short for `{ "url": "fleet", "identity": true }`. */
            est?: {
                /** @description "fleet": the EST server of this deployment. Or the base URL of another one, such as https://est.example.com/.well-known/est */
                url: "fleet" | string;
                /**
                 * @description Gateways get and renew their identity there too. They start with the identity of the bundle.
                 * @default false
                 */
                identity: boolean;
                /**
                 * @description When an identity is renewed: at this share of its life, or with this time left.
                 * @default 80%
                 */
                threshold: string;
                /**
                 * @description The time from a failed renewal of an identity to the next attempt.
                 * @default 4%
                 */
                retry: string;
                /**
                 * @description When an Edge CA is renewed, which restarts all modules. Keep it apart from `threshold`.
                 * @default 75%
                 */
                edgeCaThreshold: string;
                /**
                 * @description The time from a failed renewal of an Edge CA to the next attempt.
                 * @default 4%
                 */
                edgeCaRetry: string;
                /**
                 * @description How many days after its end a certificate can still be renewed. Only with url "fleet".
                 * @default 0
                 */
                renewExpiredWithinDays: number;
                /**
                 * @description The CA of the certificates with which gateways sign in to the EST server (`est-id`): the issuing CA, or one that DPS does not know. Only with url "fleet".
                 * @default issuing
                 * @enum {string}
                 */
                idCa: "issuing" | "separate";
                /** @description PEM certificate of the CA that issued its TLS certificate. Default: our root. */
                trustedCa?: string;
            };
            /** @description Where the device keeps its key. Only with keyCustody "device". */
            keyUri?: string;
            /** @description The PKCS#11 library, and the slot for new keys. Only with a pkcs11: `keyUri` on IoT Edge. */
            pkcs11?: {
                /** @description Path of the PKCS#11 library on the device. */
                libraryPath: string;
                /** @description The slot for new keys, as a pkcs11: URI. */
                baseSlot?: string;
            };
            /**
             * @description PEM certificates of more CAs that modules trust, besides the CA of their gateway.
             * @default []
             */
            trustBundle: string[];
            /** @description Image of the Edge Agent. Default: the image at mcr.microsoft.com for the target. */
            agentImage?: string;
            /** @description URL on the label of a device (IEC 61406-1), with `{deviceId}`. `fleet job fetch` writes it into labels.csv. */
            labelUrl?: string;
            /** @description The twin that DPS gives each device of the group at its first assignment. */
            initialTwin: {
                /**
                 * @description Tags. Those of a row are added, and win.
                 * @default {}
                 */
                tags: {
                    [key: string]: unknown;
                };
                /**
                 * @description Desired properties. Those of a row are added, and win.
                 * @default {}
                 */
                desired: {
                    [key: string]: unknown;
                };
            };
            /**
             * @description Whether DPS lets devices of the group register.
             * @default enabled
             * @enum {string}
             */
            provisioningStatus: "enabled" | "disabled";
            /**
             * @description How DPS chooses the hub of a device: evenly, by latency, always the same hub, or by your webhook.
             * @default hashed
             * @enum {string}
             */
            allocationPolicy: "hashed" | "geoLatency" | "static" | "custom";
            /**
             * @description Who decides about a registration: DPS alone, or this app, which then is in the path of each registration and can refuse a single certificate.
             * @default dps
             * @enum {string}
             */
            allocation: "dps" | "orchestrator";
            /**
             * @description Host names of linked hubs. Empty: all linked hubs.
             * @default []
             */
            iotHubs: string[];
            /** @description The webhook that chooses the hub. Only with allocationPolicy "custom". */
            customAllocation?: {
                /**
                 * Format: uri
                 * @description URL that DPS calls to choose the hub of a device.
                 */
                webhookUrl: string;
                /**
                 * @description Version of the request that DPS sends.
                 * @default 2021-10-01
                 */
                apiVersion: string;
            };
            /** @description What DPS does when a device registers again. */
            reprovisionPolicy: {
                /**
                 * @description A device that registers again may be assigned to another hub.
                 * @default true
                 */
                updateHubAssignment: boolean;
                /**
                 * @description Its twin moves to the other hub with it.
                 * @default true
                 */
                migrateDeviceData: boolean;
            };
        };
    };
    responses: {
        /** @description `request-invalid`: Correct the request as described. */
        Error400: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {string} */
                    title: "request-invalid";
                };
            };
        };
        /** @description `unauthorized`: Send a function key in x-functions-key, or sign in. */
        Error401: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one. */
        Error403: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {string} */
                    title: "forbidden";
                };
            };
        };
        /** @description `request-too-large`: Send a smaller body; docs/host.md lists the limits. */
        Error413: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {string} */
                    title: "request-too-large";
                };
            };
        };
        /**
         * @description `setting-invalid`: Correct the settings named (docs/settings.md).
         *
         *     `internal`: Report the trace id to the operator; the log has the cause.
         */
        Error500: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {string} */
                    title: "setting-invalid" | "internal";
                };
            };
        };
        /**
         * @description `throttled`: Wait: the work is tried again when the service allows it.
         *
         *     `unavailable`: Wait: the work is tried again. If this lasts, look at GET /api/health.
         */
        Error503: {
            headers: {
                "retry-after"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {string} */
                    title: "throttled" | "unavailable";
                };
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "list-enrollment-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. DPS takes 100 groups, so the list is not paged. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentGroups"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-enrollment-group": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The group. */
            200: {
                headers: {
                    /** @description The version of the resource. Send it in `if-match`. */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentGroup"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "put-enrollment-group": {
        parameters: {
            query?: {
                /** @description Take over a group of this id that DPS has and that this deployment did not create. */
                adopt?: boolean;
            };
            header?: {
                /** @description The `etag` of the version that is meant, or `*` for any that exists. */
                "if-match"?: string;
                /** @description `*`: the resource must not exist. ETags: it must be none of these versions. */
                "if-none-match"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** @description The definition. At most 1048576 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["GroupDefinition"];
            };
        };
        responses: {
            /** @description The group, changed or as it was. */
            200: {
                headers: {
                    /** @description Path of the group. */
                    location: string;
                    /** @description The version of the resource. Send it in `if-match`. */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentGroup"];
                };
            };
            /** @description The new group. */
            201: {
                headers: {
                    /** @description Path of the group. */
                    location: string;
                    /** @description The version of the resource. Send it in `if-match`. */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentGroup"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             *
             *     `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-exists" | "method-conflict" | "concurrent-change";
                    };
                };
            };
            /** @description `precondition-failed`: Read the resource again, decide by its present state, and send its new ETag in If-Match. */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "precondition-failed";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /**
             * @description `group-invalid`: Fix every fault and declare the group again.
             *
             *     `custody-not-allowed`: Use key custody "device" or "sealed", or set ALLOW_PLAIN_KEYS.
             *
             *     `group-refused`: Resolve what DPS says, then retry the job.
             */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-invalid" | "custody-not-allowed" | "group-refused";
                    };
                };
            };
            /**
             * @description `ca-key-unusable`: Restore the CA key (docs/certificates.md, "When a CA key is gone"), then retry the job.
             *
             *     `setting-invalid`: Correct the settings named (docs/settings.md).
             *
             *     `internal`: Report the trace id to the operator; the log has the cause.
             */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "ca-key-unusable" | "setting-invalid" | "internal";
                    };
                };
            };
            503: components["responses"]["Error503"];
        };
    };
    "delete-enrollment-group": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `etag` of the version that is meant, or `*` for any that exists. */
                "if-match"?: string;
            };
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was deleted. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedEnrollmentGroup"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change";
                    };
                };
            };
            /** @description `precondition-failed`: Read the resource again, decide by its present state, and send its new ETag in If-Match. */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "precondition-failed";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-group-rollover": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rollover of the group. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupRollover"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "roll-over-enrollment-group": {
        parameters: {
            query?: {
                /** @description The generation that is current now. With it, a repeated request rolls over once. */
                from?: number;
                /** @description Roll over although devices of the oldest CA could no longer register. */
                force?: boolean;
            };
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The group. */
            200: {
                headers: {
                    /** @description The version of the resource. Send it in `if-match`. */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentGroup"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "group-exists" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /** @description `group-refused`: Resolve what DPS says, then retry the job. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-refused";
                    };
                };
            };
            /**
             * @description `ca-key-unusable`: Restore the CA key (docs/certificates.md, "When a CA key is gone"), then retry the job.
             *
             *     `setting-invalid`: Correct the settings named (docs/settings.md).
             *
             *     `internal`: Report the trace id to the operator; the log has the cause.
             */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "ca-key-unusable" | "setting-invalid" | "internal";
                    };
                };
            };
            503: components["responses"]["Error503"];
        };
    };
    "rotate-allocation-key": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The group. No answer shows a key. */
            200: {
                headers: {
                    /** @description The version of the resource. Send it in `if-match`. */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentGroup"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             *
             *     `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change" | "group-exists";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /** @description `group-refused`: Resolve what DPS says, then retry the job. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-refused";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "suspend-enrollment-group": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description The group, and the act on its devices. DPS has the group so if `enrollment.status` is `enrolled`. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupAct"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "group-exists" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /** @description `group-refused`: Resolve what DPS says, then retry the job. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-refused";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "restore-enrollment-group": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description The group, and the act on its devices. DPS has the group so if `enrollment.status` is `enrolled`. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupAct"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "group-exists" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /** @description `group-refused`: Resolve what DPS says, then retry the job. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-refused";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "complete-group-rollover": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                id: string;
            };
            cookie?: never;
        };
        /** @description Nothing, or the number of devices that are locked out knowingly. At most 4096 bytes. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RolloverCompletion"];
            };
        };
        responses: {
            /** @description The group. */
            200: {
                headers: {
                    /** @description The version of the resource. Send it in `if-match`. */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrollmentGroup"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `rollover-gated`: Look at GET /api/enrollment-groups/{id}/rollover and wait until the gate is open, or send the number of devices in force.devicesLockedOut.
             *
             *     `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             *
             *     `ca-unregistered`: Run fleet ca register [GROUP], then retry the job.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "rollover-gated" | "group-exists" | "ca-unregistered" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /** @description `group-refused`: Resolve what DPS says, then retry the job. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-refused";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "create-check": {
        parameters: {
            query?: {
                /** @description The group of rows that name none. */
                enrollmentGroup?: string;
                /** @description For devices that are provisioned already: refuse other content, replace it, or provision again in any case. */
                onConflict?: "reject" | "replace" | "reissue";
                /** @description Replace individual enrollments that DPS has and that this deployment did not create. */
                adopt?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The manifest (docs/manifests.md), also with Content-Encoding: gzip. At most 33554432 bytes. */
        requestBody: {
            content: {
                "text/csv": string;
                "application/csv": string;
                "application/x-csv": string;
                "text/x-csv": string;
                "text/comma-separated-values": string;
                "text/x-comma-separated-values": string;
                "text/tab-separated-values": string;
                "application/x-ndjson": string;
                "application/ndjson": string;
                "application/jsonl": string;
                "application/x-jsonl": string;
                "application/jsonlines": string;
                "application/x-jsonlines": string;
                "application/json-lines": string;
                "application/json-seq": string;
                "text/x-ndjson": string;
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                "text/plain": string;
                "application/octet-stream": string;
                "application/vnd.ms-excel": string;
                "application/x-www-form-urlencoded": string;
                "multipart/form-data": string;
            };
        };
        responses: {
            /** @description What a job would make of the list. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Check"];
                };
            };
            /** @description The dry run. Its job has the answer once it is `checked`. */
            202: {
                headers: {
                    /** @description Path of the job. */
                    location: string;
                    /** @description Seconds until it is worth asking for the job. */
                    "retry-after": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             *
             *     `other-site`: Use the console of this app, or send a token or function key and no cookie.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "forbidden" | "other-site";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            /**
             * @description `manifest-too-large`: Split the list, or upload it to blob storage (POST /api/uploads), which takes any size.
             *
             *     `request-too-large`: Send a smaller body; docs/host.md lists the limits.
             */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "manifest-too-large" | "request-too-large";
                    };
                };
            };
            /** @description `manifest-format`: Name the file .csv, .xlsx, .ndjson or .jsonl, or send text/csv, application/x-ndjson or the media type of .xlsx. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "manifest-format";
                    };
                };
            };
            /**
             * @description `manifest-empty`: Send a header and at least one row.
             *
             *     `manifest-encoding`: Save the file as UTF-8.
             *
             *     `manifest-not-text`: Save the list as UTF-8 text, CSV or NDJSON, or as a workbook that is named .xlsx.
             *
             *     `manifest-header`: Use the columns deviceId, enrollmentGroup, csr, tags.<path> and desired.<path>.
             *
             *     `manifest-quote`: Close the quoted field with ".
             *
             *     `manifest-row-too-long`: Look for a missing line break or closing quote near this row; a row may have 1 MiB.
             *
             *     `manifest-workbook`: Save the list as "Excel Workbook (.xlsx)" without macros, links and password, or as CSV UTF-8.
             */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "manifest-empty" | "manifest-encoding" | "manifest-not-text" | "manifest-header" | "manifest-quote" | "manifest-row-too-long" | "manifest-workbook";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-jobs": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Jobs that have one of these statuses, with commas between. */
                status?: string;
                source?: "blob" | "order" | "http";
                /** @description Jobs received at this time or later. */
                since?: string;
                /** @description Jobs received before this time. */
                until?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. It can have fewer jobs than its limit, and more can follow it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Jobs"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "submit-job": {
        parameters: {
            query?: {
                /** @description The group of rows that name none. */
                enrollmentGroup?: string;
                /** @description For devices that are provisioned already: refuse other content, replace it, or provision again in any case. */
                onConflict?: "reject" | "replace" | "reissue";
                /** @description Replace individual enrollments that DPS has and that this deployment did not create. */
                adopt?: boolean;
                /** @description The digest of a check. The list is refused if it, its groups or the records of its devices changed since. */
                check?: string;
            };
            header?: {
                /** @description Makes a repeated request safe: the same request with the same key is the same job. Use a new UUID per list. */
                "idempotency-key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description The manifest (docs/manifests.md), also with Content-Encoding: gzip. At most 33554432 bytes. */
        requestBody: {
            content: {
                "text/csv": string;
                "application/csv": string;
                "application/x-csv": string;
                "text/x-csv": string;
                "text/comma-separated-values": string;
                "text/x-comma-separated-values": string;
                "text/tab-separated-values": string;
                "application/x-ndjson": string;
                "application/ndjson": string;
                "application/jsonl": string;
                "application/x-jsonl": string;
                "application/jsonlines": string;
                "application/x-jsonlines": string;
                "application/json-lines": string;
                "application/json-seq": string;
                "text/x-ndjson": string;
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                "text/plain": string;
                "application/octet-stream": string;
                "application/vnd.ms-excel": string;
                "application/x-www-form-urlencoded": string;
                "multipart/form-data": string;
            };
        };
        responses: {
            /** @description The job. */
            202: {
                headers: {
                    /** @description Path of the job. */
                    location: string;
                    /** @description Seconds until it is worth asking for the job. */
                    "retry-after": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             *
             *     `other-site`: Use the console of this app, or send a token or function key and no cookie.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "forbidden" | "other-site";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            /** @description `check-changed`: Check the list again, and submit it with the digest of the new check. */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "check-changed";
                    };
                };
            };
            /**
             * @description `manifest-too-large`: Split the list, or upload it to blob storage (POST /api/uploads), which takes any size.
             *
             *     `request-too-large`: Send a smaller body; docs/host.md lists the limits.
             */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "manifest-too-large" | "request-too-large";
                    };
                };
            };
            /** @description `manifest-format`: Name the file .csv, .xlsx, .ndjson or .jsonl, or send text/csv, application/x-ndjson or the media type of .xlsx. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "manifest-format";
                    };
                };
            };
            /**
             * @description `manifest-empty`: Send a header and at least one row.
             *
             *     `manifest-encoding`: Save the file as UTF-8.
             *
             *     `manifest-not-text`: Save the list as UTF-8 text, CSV or NDJSON, or as a workbook that is named .xlsx.
             *
             *     `manifest-header`: Use the columns deviceId, enrollmentGroup, csr, tags.<path> and desired.<path>.
             *
             *     `manifest-quote`: Close the quoted field with ".
             *
             *     `manifest-row-too-long`: Look for a missing line break or closing quote near this row; a row may have 1 MiB.
             *
             *     `manifest-workbook`: Save the list as "Excel Workbook (.xlsx)" without macros, links and password, or as CSV UTF-8.
             *
             *     `idempotency-key-reused`: Use one key per request; send another request with a new key.
             */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "manifest-empty" | "manifest-encoding" | "manifest-not-text" | "manifest-header" | "manifest-quote" | "manifest-row-too-long" | "manifest-workbook" | "idempotency-key-reused";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-job": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `etag` of an earlier answer. The answer is 304, without a body, while nothing has changed. */
                "if-none-match"?: string;
            };
            path: {
                /** @description Id of a job, 24 hex digits. */
                jobId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job. `retry-after` is there until it has ended. */
            200: {
                headers: {
                    /** @description Changes when the answer changes. */
                    etag: string;
                    "retry-after"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description The job is as it was. */
            304: {
                headers: {
                    /** @description Changes when the answer changes. */
                    etag: string;
                    "retry-after"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "cancel-job": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a job, 24 hex digits. */
                jobId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The job. */
            202: {
                headers: {
                    /** @description Path of the job. */
                    location: string;
                    /** @description Seconds until it is worth asking for the job. */
                    "retry-after": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "retry-job": {
        parameters: {
            query?: {
                /** @description Replace individual enrollments that DPS has and that this deployment did not create. */
                adopt?: boolean;
            };
            header?: never;
            path: {
                /** @description Id of a job, 24 hex digits. */
                jobId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows that were sent again. */
            202: {
                headers: {
                    /** @description Path of the job. */
                    location: string;
                    /** @description Seconds until it is worth asking for the job. */
                    "retry-after": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartedRetry"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change";
                    };
                };
            };
            /**
             * @description `manifest-gone`: Upload the manifest again; it was deleted, or it was replaced before its job began.
             *
             *     `report-missing`: Restore the report in the container reports, or send the manifest again; provisioned rows stay unchanged.
             */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "manifest-gone" | "report-missing";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "create-upload": {
        parameters: {
            query?: {
                /** @description The group of rows that name none. */
                enrollmentGroup?: string;
                /** @description For devices that are provisioned already: refuse other content, replace it, or provision again in any case. */
                onConflict?: "reject" | "replace" | "reissue";
                /** @description Replace individual enrollments that DPS has and that this deployment did not create. */
                adopt?: boolean;
                /** @description The digest of a check. The list is refused if it, its groups or the records of its devices changed since. */
                check?: string;
                /** @description Check the list, as `POST /api/checks` does with a large one: its job ends as `checked`. */
                dryRun?: boolean;
                /** @description How the list is written. */
                format?: "csv" | "ndjson" | "xlsx";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The address. */
            201: {
                headers: {
                    /** @description Path of the upload. */
                    location: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadWithUrl"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             *
             *     `other-site`: Use the console of this app, or send a token or function key and no cookie.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "forbidden" | "other-site";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-upload": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                uploadId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The upload. `retry-after` is there while it can still get a job. */
            200: {
                headers: {
                    /** @description Seconds until it is worth asking again. */
                    "retry-after"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upload"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-job-errors": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Default: JSON if the header Accept prefers it to CSV, otherwise CSV. Pages are of JSON only. */
                format?: "csv" | "json";
                /** @description Only rows with this code. JSON only. */
                reason?: "manifest-empty" | "manifest-not-text" | "manifest-encoding" | "manifest-header" | "manifest-quote" | "manifest-row-too-long" | "manifest-format" | "manifest-workbook" | "manifest-metadata" | "manifest-too-large" | "manifest-gone" | "check-changed" | "report-missing" | "row-syntax" | "row-columns" | "device-id-invalid" | "device-id-duplicate" | "device-exists" | "device-busy" | "device-suspended" | "device-revoked" | "group-missing" | "group-unknown" | "twin-invalid" | "value-type" | "csr-missing" | "csr-unexpected" | "csr-invalid" | "certificate-rule" | "chunk-superseded" | "enrollment-refused" | "enrollment-exists" | "gave-up" | "renewal-refused" | "renewal-too-often" | "group-invalid" | "ca-invalid" | "ca-refused" | "ca-missing" | "ca-removed" | "ca-unregistered" | "ca-key-unusable" | "group-refused" | "group-exists" | "order-invalid" | "order-conflict" | "event-invalid" | "message-invalid" | "request-invalid" | "idempotency-key-reused" | "request-too-large" | "not-found" | "method-conflict" | "rollover-gated" | "precondition-failed" | "bundle-unavailable" | "bundle-gone" | "bundle-invalid" | "archive-damaged" | "audit-damaged" | "unauthorized" | "forbidden" | "other-site" | "setting-invalid" | "custody-not-allowed" | "throttled" | "unavailable" | "concurrent-change" | "internal";
            };
            header?: {
                /** @description `application/json` asks for JSON. */
                accept?: string;
            };
            path: {
                /** @description Id of a job, 24 hex digits. */
                jobId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description CSV: all rows, while they are read. JSON: one page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RowErrors"];
                    "text/csv": string;
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-job-error-summary": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a job, 24 hex digits. */
                jobId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The codes, most frequent first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorSummary"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-job-results": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Default: JSON if the header Accept prefers it to CSV, otherwise CSV. Pages are of JSON only. */
                format?: "csv" | "json";
            };
            header?: {
                /** @description `application/json` asks for JSON. */
                accept?: string;
            };
            path: {
                /** @description Id of a job, 24 hex digits. */
                jobId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description CSV: one line per device, while they are read. JSON: one page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResultRows"];
                    "text/csv": string;
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-devices": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Devices that a row of this job holds. */
                job?: string;
                /** @description Devices of this enrollment group. A caller with roles for several groups has to name one. */
                group?: string;
                /** @description Devices of this status. */
                status?: "claimed" | "provisioned" | "assigned" | "failed" | "deleting" | "deleted" | "closing" | "suspended" | "revoked" | "scrapped" | "opening";
                /** @description Devices whose certificate ends before this. */
                expiresBefore?: string;
                idPrefix?: string;
                certificate?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Devices"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-device": {
        parameters: {
            query?: never;
            header?: {
                /** @description The `etag` of an earlier answer. The answer is 304, without a body, while nothing has changed. */
                "if-none-match"?: string;
            };
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The device. */
            200: {
                headers: {
                    /** @description Changes when the answer changes. */
                    etag: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description The device is as it was. */
            304: {
                headers: {
                    /** @description Changes when the answer changes. */
                    etag: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "delete-device": {
        parameters: {
            query?: {
                /** @description Needed for a device that reached a hub; 409 without it. */
                reason?: string;
            };
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done: every door was read back. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description A door is not as it should be yet. The app goes on by itself; `block.doors` says which. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `device-revoked`: Give the device another id: a device that was revoked or scrapped needs a new identity.
             *
             *     `enrollment-exists`: Delete the enrollment in DPS, or replace it: retry the job with adopt=true.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "device-revoked" | "enrollment-exists" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /**
             * @description `archive-damaged`: Restore the archive in the container bundles, or send the rows with onConflict=reissue. Retry the job for its failed rows.
             *
             *     `setting-invalid`: Correct the settings named (docs/settings.md).
             *
             *     `internal`: Report the trace id to the operator; the log has the cause.
             */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "archive-damaged" | "setting-invalid" | "internal";
                    };
                };
            };
            503: components["responses"]["Error503"];
        };
    };
    "get-device-bundle": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                deviceId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The archive. A sealed one is encrypted to the recipients of the group (CMS). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/gzip": string;
                    "application/cms": string;
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /**
             * @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists.
             *
             *     `bundle-unavailable`: Look at the status of the device: it has a bundle once it is provisioned.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found" | "bundle-unavailable";
                    };
                };
            };
            /**
             * @description `device-suspended`: Restore the device (POST /api/devices/{id}/restore), then retry the job or repeat the request.
             *
             *     `device-revoked`: Give the device another id: a device that was revoked or scrapped needs a new identity.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "device-suspended" | "device-revoked";
                    };
                };
            };
            /** @description `bundle-gone`: Send the row of the device again with onConflict=reissue; that makes a new certificate and a new bundle. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "bundle-gone";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /**
             * @description `archive-damaged`: Restore the archive in the container bundles, or send the rows with onConflict=reissue. Retry the job for its failed rows.
             *
             *     `setting-invalid`: Correct the settings named (docs/settings.md).
             *
             *     `internal`: Report the trace id to the operator; the log has the cause.
             */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "archive-damaged" | "setting-invalid" | "internal";
                    };
                };
            };
            503: components["responses"]["Error503"];
        };
    };
    "suspend-device": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                deviceId: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description Done: every door was read back. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description A door is not as it should be yet. The app goes on by itself; `block.doors` says which. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `device-revoked`: Give the device another id: a device that was revoked or scrapped needs a new identity.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "device-revoked" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "revoke-device": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                deviceId: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description Done: every door was read back. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description A door is not as it should be yet. The app goes on by itself; `block.doors` says which. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `device-revoked`: Give the device another id: a device that was revoked or scrapped needs a new identity.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "device-revoked" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "restore-device": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description 1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit. */
                deviceId: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description Done: every door was read back. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description A door is not as it should be yet. The app goes on by itself; `block.doors` says which. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `device-revoked`: Give the device another id: a device that was revoked or scrapped needs a new identity.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "device-revoked" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-certificates": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description The issuing CA: a group, or a group and the generation of its CA: `line7/2`. */
                ca?: string;
                /** @description Issued at this time or later, by the beginning of its validity. */
                issuedFrom?: string;
                /** @description Issued before this time. */
                issuedTo?: string;
                /** @description Who made the key. `service`: this app, so that the key was in a bundle. */
                custody?: "device" | "service";
                /** @description The time at which it was valid. Default: now. */
                asOf?: string;
                /** @description Default: JSON, unless the header Accept prefers CSV. CSV has all certificates. */
                format?: "csv" | "json";
            };
            header?: {
                accept?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description CSV: all of them, while they are read. JSON: one page, which can be empty and have a `next`: it ends after 20,000 devices. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeldCertificates"];
                    "text/csv": string;
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-certificate-authorities": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Those of this enrollment group. */
                group?: string;
                /** @description Those in this state. */
                state?: "open" | "ended" | "blocked";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateAuthorities"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-certificate-authority": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Serial number of its certificate, 32 hex digits. */
                serial: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The CA. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CertificateAuthority"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-certificate-authority-devices": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
            };
            header?: never;
            path: {
                /** @description Serial number of its certificate, 32 hex digits. */
                serial: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DevicesOfCertificateAuthority"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-certificate-authority-reissue-list": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Serial number of its certificate, 32 hex digits. */
                serial: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The list. It can be empty. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "block-certificate-authority": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Serial number of its certificate, 32 hex digits. */
                serial: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description The CA, and the first page of devices that have to be issued again. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BlockedCertificateAuthority"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-exists" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /** @description `group-refused`: Resolve what DPS says, then retry the job. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-refused";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-device-acts": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetActs"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "begin-device-act": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The act. At most 1048576 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["FleetActRequest"];
            };
        };
        responses: {
            /** @description With dryRun: what the act would take. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetActEstimate"];
                };
            };
            /** @description The act. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetAct"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-device-act": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                actId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The act. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetAct"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "cancel-device-act": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                actId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The act. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetAct"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-renewals": {
        parameters: {
            query?: {
                /** @description Days before today. */
                past?: number;
                /** @description Days after today. */
                ahead?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counts of every group that the caller may see. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Renewals"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-reissue-list": {
        parameters: {
            query: {
                enrollmentGroup: string;
                /** @description Devices whose certificate ends before this. */
                before: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The list. It can be empty. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-findings": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Findings of this kind. */
                kind?: "group-missing" | "group-changed" | "group-other-ca" | "group-foreign" | "enrollment-missing" | "enrollment-foreign" | "enrollment-changed" | "block-missing" | "block-left" | "ca-block-missing" | "enabled-though-revoked" | "unknown-certificate" | "superseded-certificate" | "other-hub" | "identity-elsewhere" | "identity-missing" | "identity-disabled" | "registration-missing" | "tags-differ" | "other-authentication" | "registered-unknown" | "ca-ending" | "certificate-ending" | "renewal-late" | "renews-too-often" | "archive-missing";
                /** @description Findings of this severity. */
                severity?: "critical" | "high" | "medium" | "low";
                /** @description Findings in this state. Default: `open`. */
                state?: "open" | "accepted" | "repaired" | "gone";
                /** @description Findings about this enrollment group and its devices. */
                group?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page, by id. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Findings"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-finding": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a finding: its kind, a dot, and 32 hex digits. */
                findingId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The finding. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Finding"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "repair-finding": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a finding: its kind, a dot, and 32 hex digits. */
                findingId: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description The finding afterwards. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Finding"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `group-exists`: Delete the enrollment group in DPS, or take it over: declare the group with adopt=true. Then retry the job.
             *
             *     `enrollment-exists`: Delete the enrollment in DPS, or replace it: retry the job with adopt=true.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "group-exists" | "enrollment-exists" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            /** @description `group-refused`: Resolve what DPS says, then retry the job. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "group-refused";
                    };
                };
            };
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "accept-finding": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a finding: its kind, a dot, and 32 hex digits. */
                findingId: string;
            };
            cookie?: never;
        };
        /** @description Why. At most 4096 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reason"];
            };
        };
        responses: {
            /** @description The finding afterwards. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Finding"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-audit-entries": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Of this time or later. */
                from?: string;
                /** @description Before this time. */
                to?: string;
                /** @description About this device, or the chunk in which its present certificate was issued. */
                device?: string;
                /** @description About this enrollment group, or certificates of its CA. */
                group?: string;
                /** @description About this job. */
                job?: string;
                /** @description By this user: the name as in an entry, or the object id. */
                by?: string;
                /** @description Of this kind. */
                action?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntries"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            /**
             * @description `audit-damaged`: Run fleet audit verify, which says where. Entries wait in the intake until the containers audit and audit-head are as they were.
             *
             *     `setting-invalid`: Correct the settings named (docs/settings.md).
             *
             *     `internal`: Report the trace id to the operator; the log has the cause.
             */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "audit-damaged" | "setting-invalid" | "internal";
                    };
                };
            };
            503: components["responses"]["Error503"];
        };
    };
    "list-dead-letters": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Letters of this queue only. */
                queue?: "manifest-uploads" | "orders" | "chunks" | "individual-enrollments" | "device-blocks" | "event-deliveries";
                /** @description Letters with this code only. */
                reason?: "manifest-empty" | "manifest-not-text" | "manifest-encoding" | "manifest-header" | "manifest-quote" | "manifest-row-too-long" | "manifest-format" | "manifest-workbook" | "manifest-metadata" | "manifest-too-large" | "manifest-gone" | "check-changed" | "report-missing" | "row-syntax" | "row-columns" | "device-id-invalid" | "device-id-duplicate" | "device-exists" | "device-busy" | "device-suspended" | "device-revoked" | "group-missing" | "group-unknown" | "twin-invalid" | "value-type" | "csr-missing" | "csr-unexpected" | "csr-invalid" | "certificate-rule" | "chunk-superseded" | "enrollment-refused" | "enrollment-exists" | "gave-up" | "renewal-refused" | "renewal-too-often" | "group-invalid" | "ca-invalid" | "ca-refused" | "ca-missing" | "ca-removed" | "ca-unregistered" | "ca-key-unusable" | "group-refused" | "group-exists" | "order-invalid" | "order-conflict" | "event-invalid" | "message-invalid" | "request-invalid" | "idempotency-key-reused" | "request-too-large" | "not-found" | "method-conflict" | "rollover-gated" | "precondition-failed" | "bundle-unavailable" | "bundle-gone" | "bundle-invalid" | "archive-damaged" | "audit-damaged" | "unauthorized" | "forbidden" | "other-site" | "setting-invalid" | "custody-not-allowed" | "throttled" | "unavailable" | "concurrent-change" | "internal";
                /** @description Letters with these ids only: up to 100, with commas between. */
                ids?: string;
                /** @description Letters that wait (default), that were redriven, or that were discarded. The last two are kept for DEAD_LETTER_RETENTION_DAYS. */
                state?: "waiting" | "redriven" | "discarded";
                /** @description `true` is `state=redriven`. */
                redriven?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetters"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-dead-letter": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a dead letter, 32 hex digits. */
                letterId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The letter, with the message as it was sent. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetter"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "redrive-dead-letters": {
        parameters: {
            query?: {
                /** @description Letters of this queue only. */
                queue?: "manifest-uploads" | "orders" | "chunks" | "individual-enrollments" | "device-blocks" | "event-deliveries";
                /** @description Letters with this code only. */
                reason?: "manifest-empty" | "manifest-not-text" | "manifest-encoding" | "manifest-header" | "manifest-quote" | "manifest-row-too-long" | "manifest-format" | "manifest-workbook" | "manifest-metadata" | "manifest-too-large" | "manifest-gone" | "check-changed" | "report-missing" | "row-syntax" | "row-columns" | "device-id-invalid" | "device-id-duplicate" | "device-exists" | "device-busy" | "device-suspended" | "device-revoked" | "group-missing" | "group-unknown" | "twin-invalid" | "value-type" | "csr-missing" | "csr-unexpected" | "csr-invalid" | "certificate-rule" | "chunk-superseded" | "enrollment-refused" | "enrollment-exists" | "gave-up" | "renewal-refused" | "renewal-too-often" | "group-invalid" | "ca-invalid" | "ca-refused" | "ca-missing" | "ca-removed" | "ca-unregistered" | "ca-key-unusable" | "group-refused" | "group-exists" | "order-invalid" | "order-conflict" | "event-invalid" | "message-invalid" | "request-invalid" | "idempotency-key-reused" | "request-too-large" | "not-found" | "method-conflict" | "rollover-gated" | "precondition-failed" | "bundle-unavailable" | "bundle-gone" | "bundle-invalid" | "archive-damaged" | "audit-damaged" | "unauthorized" | "forbidden" | "other-site" | "setting-invalid" | "custody-not-allowed" | "throttled" | "unavailable" | "concurrent-change" | "internal";
                /** @description Letters with these ids only: up to 100, with commas between. */
                ids?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was done. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Redrive"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "discard-dead-letters": {
        parameters: {
            query?: {
                /** @description Letters of this queue only. */
                queue?: "manifest-uploads" | "orders" | "chunks" | "individual-enrollments" | "device-blocks" | "event-deliveries";
                /** @description Letters with this code only. */
                reason?: "manifest-empty" | "manifest-not-text" | "manifest-encoding" | "manifest-header" | "manifest-quote" | "manifest-row-too-long" | "manifest-format" | "manifest-workbook" | "manifest-metadata" | "manifest-too-large" | "manifest-gone" | "check-changed" | "report-missing" | "row-syntax" | "row-columns" | "device-id-invalid" | "device-id-duplicate" | "device-exists" | "device-busy" | "device-suspended" | "device-revoked" | "group-missing" | "group-unknown" | "twin-invalid" | "value-type" | "csr-missing" | "csr-unexpected" | "csr-invalid" | "certificate-rule" | "chunk-superseded" | "enrollment-refused" | "enrollment-exists" | "gave-up" | "renewal-refused" | "renewal-too-often" | "group-invalid" | "ca-invalid" | "ca-refused" | "ca-missing" | "ca-removed" | "ca-unregistered" | "ca-key-unusable" | "group-refused" | "group-exists" | "order-invalid" | "order-conflict" | "event-invalid" | "message-invalid" | "request-invalid" | "idempotency-key-reused" | "request-too-large" | "not-found" | "method-conflict" | "rollover-gated" | "precondition-failed" | "bundle-unavailable" | "bundle-gone" | "bundle-invalid" | "archive-damaged" | "audit-damaged" | "unauthorized" | "forbidden" | "other-site" | "setting-invalid" | "custody-not-allowed" | "throttled" | "unavailable" | "concurrent-change" | "internal";
                /** @description Letters with these ids only: up to 100, with commas between. */
                ids?: string;
                /** @description `true` discards all letters that wait. Needed when nothing else selects letters. */
                all?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Discard"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description By id. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhooks"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "create-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description The address, and which events. At most 8192 bytes. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["WantedWebhook"];
            };
        };
        responses: {
            /** @description The webhook, with its secret. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /**
             * @description `method-conflict`: Read the resource again and decide by its present state.
             *
             *     `concurrent-change`: Read the resource again and repeat the request.
             */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "method-conflict" | "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a webhook. */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "delete-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a webhook. */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted. Deliveries that wait end as failed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "rotate-webhook-secret": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a webhook. */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook, with its new secret. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "enable-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a webhook. */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "test-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of a webhook. */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It will be sent. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookTest"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            /**
             * @description `other-site`: Use the console of this app, or send a token or function key and no cookie.
             *
             *     `forbidden`: Ask for the role that the message names, and for the enrollment group if it names one.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "other-site" | "forbidden";
                    };
                };
            };
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            /** @description `concurrent-change`: Read the resource again and repeat the request. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "concurrent-change";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "list-event-deliveries": {
        parameters: {
            query?: {
                /** @description Items per page, 100 when absent. A page can have fewer, and more can follow it. */
                limit?: number;
                /** @description The `continuation` of the page before. */
                continuation?: string;
                /** @description Deliveries in this state only. */
                state?: "waiting" | "delivered" | "failed";
            };
            header?: never;
            path: {
                /** @description Id of a webhook. */
                webhookId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventDeliveries"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            /** @description `not-found`: Check the id: GET /api/jobs, /api/devices and /api/enrollment-groups have lists. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        title: "not-found";
                    };
                };
            };
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counts. With a role that is limited to enrollment groups: those of the caller's groups. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Summary"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Every dependency works. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            /** @description A dependency does not work. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    "get-openapi": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        openapi: string;
                        paths: {
                            [key: string]: unknown;
                        };
                    } & {
                        [key: string]: unknown;
                    };
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "get-me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            400: components["responses"]["Error400"];
            401: components["responses"]["Error401"];
            403: components["responses"]["Error403"];
            413: components["responses"]["Error413"];
            500: components["responses"]["Error500"];
            503: components["responses"]["Error503"];
        };
    };
    "fleet.job.ended": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.job.ended"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.job.stalled": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.job.stalled"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.order.accepted": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.order.accepted"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.order.refused": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.order.refused"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.order.finished": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.order.finished"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.device.assigned": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.device.assigned"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.device.suspended": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.device.suspended"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.device.revoked": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.device.revoked"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.device.scrapped": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.device.scrapped"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.device.restored": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.device.restored"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.device.late": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.device.late"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.ca.ending": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.ca.ending"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.finding.opened": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.finding.opened"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "fleet.webhook.test": {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event: the same for each attempt. */
                "webhook-id": string;
                /** @description Seconds since 1970, of this attempt. */
                "webhook-timestamp": string;
                /** @description `v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["Event-fleet.webhook.test"];
            };
        };
        responses: {
            /** @description The receiver is gone: the webhook is disabled. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It was received. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is sent again, ten times over three days. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
