"""The calls of an application, with the Python SDK. Run it by infra/tools/record-cosmos-requests.ts, which sets the two variables.

pip install azure-cosmos
"""

import os
import sys

from azure.core import MatchConditions
from azure.cosmos import CosmosClient, PartitionKey, exceptions

endpoint, key = os.environ["COSMOS_ENDPOINT"], os.environ["COSMOS_KEY"]
client = CosmosClient(endpoint, key)
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


def refused(status, work):
    try:
        work()
    except exceptions.CosmosHttpResponseError as error:
        return expect(error.status_code, status)
    raise AssertionError("was not refused")


database = call("create a database", lambda: client.create_database_if_not_exists("clients"))
call("create it again", lambda: client.create_database_if_not_exists("clients"))
call("read the database", lambda: expect(database.read()["id"], "clients"))
call("list databases", lambda: expect([each["id"] for each in client.list_databases()], ["clients"]))
call(
    "query databases",
    lambda: expect(
        len(list(client.query_databases("SELECT * FROM r WHERE r.id = @id", [{"name": "@id", "value": "clients"}]))), 1
    ),
)
box = call(
    "create a container",
    lambda: database.create_container_if_not_exists("devices", PartitionKey(path="/site"), default_ttl=-1),
)
call("read the container", lambda: expect(box.read()["partitionKey"]["paths"], ["/site"]))
call("list containers", lambda: expect([each["id"] for each in database.list_containers()], ["devices"]))

first = call("create an item", lambda: box.create_item({"id": "a", "site": "berlin", "n": 1}))
call("create it twice", lambda: refused(409, lambda: box.create_item({"id": "a", "site": "berlin"})))
call("read the item", lambda: expect(box.read_item("a", "berlin")["n"], 1))
call("read a missing item", lambda: refused(404, lambda: box.read_item("b", "berlin")))
second = call("replace the item", lambda: box.replace_item("a", {"id": "a", "site": "berlin", "n": 2}))
call(
    "replace by etag",
    lambda: box.replace_item(
        "a",
        {"id": "a", "site": "berlin", "n": 3},
        etag=second["_etag"],
        match_condition=MatchConditions.IfNotModified,
    ),
)
call(
    "replace by an old etag",
    lambda: refused(
        412,
        lambda: box.replace_item(
            "a",
            {"id": "a", "site": "berlin", "n": 4},
            etag=first["_etag"],
            match_condition=MatchConditions.IfNotModified,
        ),
    ),
)
call("upsert a new item", lambda: box.upsert_item({"id": "b", "site": "berlin", "n": 10}))
call("upsert it again", lambda: expect(box.upsert_item({"id": "b", "site": "berlin", "n": 11})["n"], 11))
call(
    "patch an item",
    lambda: expect(
        box.patch_item("b", "berlin", [{"op": "incr", "path": "/n", "value": 1}], filter_predicate="FROM c WHERE c.n = 11")[
            "n"
        ],
        12,
    ),
)
call(
    "patch on a condition that does not hold",
    lambda: refused(
        412,
        lambda: box.patch_item(
            "b", "berlin", [{"op": "set", "path": "/n", "value": 0}], filter_predicate="FROM c WHERE c.n = 11"
        ),
    ),
)
call(
    "write without an answer",
    lambda: expect(dict(box.create_item({"id": "c", "site": "paris", "n": 5}, no_response=True)), {}),
)


def query(text, **options):
    return list(box.query_items(text, **options))


call(
    "query a partition",
    lambda: expect(
        query(
            "SELECT * FROM c WHERE c.n > @n",
            parameters=[{"name": "@n", "value": 5}],
            partition_key="berlin",
        )[0]["id"],
        "b",
    ),
)
call(
    "query all partitions",
    lambda: expect(
        sorted(query("SELECT VALUE c.id FROM c WHERE c.n >= 3", enable_cross_partition_query=True)), ["a", "b", "c"]
    ),
)
call(
    "query in order",
    lambda: expect(
        query("SELECT VALUE c.id FROM c ORDER BY c.n DESC", enable_cross_partition_query=True), ["b", "c", "a"]
    ),
)
call(
    "count",
    lambda: expect(query("SELECT VALUE COUNT(1) FROM c", enable_cross_partition_query=True), [3]),
)
call(
    "query the first two",
    lambda: expect(len(query("SELECT TOP 2 * FROM c", enable_cross_partition_query=True)), 2),
)
call(
    "query by pages",
    lambda: expect(
        [
            len(list(page))
            for page in box.query_items(
                "SELECT * FROM c", enable_cross_partition_query=True, max_item_count=2
            ).by_page()
        ],
        [2, 1],
    ),
)
call("query that is not SQL", lambda: refused(400, lambda: query("SELEKT", enable_cross_partition_query=True)))
call("read all items", lambda: expect(len(list(box.read_all_items())), 3))
call("read many items", lambda: expect(len(list(box.read_items([("a", "berlin"), ("c", "paris")]))), 2))
call(
    "a batch",
    lambda: expect(
        [
            each["statusCode"]
            for each in box.execute_item_batch(
                [
                    ("create", ({"id": "d", "site": "berlin", "n": 20},)),
                    ("replace", ("a", {"id": "a", "site": "berlin", "n": 21})),
                    ("read", ("b",)),
                    ("patch", ("b", [{"op": "set", "path": "/n", "value": 22}])),
                    ("delete", ("d",)),
                ],
                "berlin",
            )
        ],
        [201, 200, 200, 200, 204],
    ),
)


def failing_batch():
    try:
        box.execute_item_batch(
            [("upsert", ({"id": "e", "site": "berlin"},)), ("create", ({"id": "a", "site": "berlin"},))], "berlin"
        )
    except exceptions.CosmosBatchOperationError as error:
        return expect((error.error_index, error.status_code), (1, 409))
    raise AssertionError("was not refused")


call("a batch that fails", failing_batch)
call("nothing of it was done", lambda: refused(404, lambda: box.read_item("e", "berlin")))
call("delete an item", lambda: box.delete_item("c", "paris"))
call("delete it again", lambda: refused(404, lambda: box.delete_item("c", "paris")))
call("another key", lambda: refused(401, lambda: CosmosClient(endpoint, "a2V5").get_database_client("clients").read()))
call("delete the container", lambda: database.delete_container("devices"))
call("delete the database", lambda: client.delete_database("clients"))

print(f"{len(passed)} of {len(passed) + len(failed)} calls passed")
sys.exit(1 if failed else 0)
