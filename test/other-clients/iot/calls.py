"""The calls of an operator to DPS and to a hub, with the service clients for Python.

pip install azure-iot-deviceprovisioning azure-iot-hub six
npx dps-emulator --port 8443 --tls .local/tls --state .local/dps-python     (in another terminal)
REQUESTS_CA_BUNDLE=.local/tls/ca.pem DPS_HOST=localhost:8443 DPS_KEY=KEY python calls.py

KEY is the published key in infra/emulators/README.md.
"""

import os
import sys

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.iot.deviceprovisioning import DeviceProvisioningClient
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import Twin, TwinProperties

host, key = os.environ["DPS_HOST"], os.environ["DPS_KEY"]
passed, failed = [], []


def call(name, work):
    """Runs one call. Prints and counts whether it did what it should."""
    try:
        result = work()
        passed.append(name)
        print(f"ok      {name}")
        return result
    except Exception as error:  # noqa: BLE001: every error is a result
        failed.append(name)
        print(f"failed  {name}: {type(error).__name__} {str(error)[:300]}")
        return None


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")
    return actual


def refused(kind, status, work):
    try:
        work()
    except kind as error:
        return expect(getattr(error, "status_code", None) or error.response.status_code, status)
    raise AssertionError("was not refused")


dps = DeviceProvisioningClient.from_connection_string(
    f"HostName={host};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey={key}"
)
keys = {"type": "symmetricKey"}

group = call(
    "create a group",
    lambda: dps.enrollment_group.create_or_update("g1", {"enrollmentGroupId": "g1", "attestation": keys}),
)
call("its defaults", lambda: expect((group["provisioningStatus"], group["allocationPolicy"]), ("enabled", "hashed")))
call("read it", lambda: expect(dps.enrollment_group.get("g1")["enrollmentGroupId"], "g1"))
call(
    "create it again",
    lambda: refused(
        HttpResponseError,
        409,
        lambda: dps.enrollment_group.create_or_update("g1", {"enrollmentGroupId": "g1", "attestation": keys}),
    ),
)
call(
    "change it by its etag",
    lambda: expect(
        dps.enrollment_group.create_or_update(
            "g1", {"enrollmentGroupId": "g1", "attestation": keys, "provisioningStatus": "disabled"}, if_match=group["etag"]
        )["provisioningStatus"],
        "disabled",
    ),
)
call(
    "change it by an old etag",
    lambda: refused(
        HttpResponseError,
        412,
        lambda: dps.enrollment_group.create_or_update(
            "g1", {"enrollmentGroupId": "g1", "attestation": keys}, if_match=group["etag"]
        ),
    ),
)
call(
    "its keys",
    lambda: expect(len(dps.enrollment_group.get_attestation_mechanism("g1")["symmetricKey"]["primaryKey"]) > 20, True),
)
call("query groups", lambda: expect(len(list(dps.enrollment_group.query({"query": "SELECT *"}))), 1))
call(
    "create three enrollments at once",
    lambda: expect(
        dps.enrollment.run_bulk_operation(
            {"mode": "create", "enrollments": [{"registrationId": f"d{n}", "attestation": keys} for n in range(3)]}
        )["isSuccessful"],
        True,
    ),
)
call("read one", lambda: expect(dps.enrollment.get("d0")["registrationState"]["status"], "unassigned"))
call("query enrollments by pages", lambda: expect(len(list(dps.enrollment.query({"query": "SELECT *"}, top=2))), 3))
call("a missing enrollment", lambda: refused(HttpResponseError, 404, lambda: dps.enrollment.get("nobody")))
call("registrations of the group", lambda: expect(list(dps.device_registration_state.query("g1")), []))
call(
    "a missing registration",
    lambda: refused(ResourceNotFoundError, 404, lambda: dps.device_registration_state.get("nobody")),
)
call("delete an enrollment", lambda: dps.enrollment.delete("d0"))
call("delete the group", lambda: dps.enrollment_group.delete("g1"))

hub = IoTHubRegistryManager(f"HostName={host};SharedAccessKeyName=iothubowner;SharedAccessKey={key}")
x509 = "A" * 64
device = call("create a device", lambda: hub.create_device_with_x509("py-1", x509, "B" * 64, "enabled"))
call("read the device", lambda: expect(hub.get_device("py-1").authentication.x509_thumbprint.primary_thumbprint, x509))
call("list devices", lambda: expect([each.device_id for each in hub.get_devices()], ["py-1"]))
call(
    "disable it",
    lambda: expect(hub.update_device_with_x509("py-1", device.etag, x509, "B" * 64, "disabled").status, "disabled"),
)
twin = call("read the twin", lambda: hub.get_twin("py-1"))
changed = call(
    "change the twin",
    lambda: hub.update_twin("py-1", Twin(tags={"site": "berlin"}, properties=TwinProperties(desired={"n": 1})), twin.etag),
)
call("what the twin has", lambda: expect((changed.tags["site"], changed.properties.desired["n"]), ("berlin", 1)))
call("statistics", lambda: expect(hub.get_device_registry_statistics().total_device_count, 1))
call("delete the device", lambda: hub.delete_device("py-1"))
call("a missing device", lambda: refused(Exception, 404, lambda: hub.get_device("py-1")))

print(f"{len(passed)} of {len(passed) + len(failed)} calls passed")
sys.exit(1 if failed else 0)
